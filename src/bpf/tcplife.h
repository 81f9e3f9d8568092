/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Data that crosses from the kernel to the collector. libbpf-cargo generates the Rust types from
 * this, so nothing is mirrored by hand: no bool, no implicit padding, byte arrays for text and
 * addresses.
 */
#ifndef TCPLIFE_H
#define TCPLIFE_H

#define COMM_LEN 16
#define PORT_WORDS (65536 / 64)

/* How the owner is known; higher values are better evidence. See the design in tcplife.bpf.c. */
enum owner_evidence {
	OWNER_NONE = 0,
	OWNER_LISTEN = 1, /* inherited from the listener */
	OWNER_KERNEL = 2, /* a kernel thread opened it or reads from it, and no process is known */
	OWNER_SCAN = 3, /* held a descriptor when the tables were scanned */
	OWNER_CLOSE = 4, /* closed or shut it down */
	OWNER_WRITE = 5, /* wrote to it */
	OWNER_READ = 6, /* read from it */
	OWNER_CONNECT = 7, /* opened it */
};

enum direction {
	DIRECTION_UNKNOWN = 0, /* open before the start, or no state could be kept for it */
	DIRECTION_OUT = 1, /* SYN sent by us */
	DIRECTION_IN = 2, /* created by a listener */
};

enum age {
	AGE_EXACT = 0, /* seen from its beginning */
	AGE_LOWER_BOUND = 1, /* open before the start */
	AGE_UNKNOWN = 2, /* no state could be kept for it: it may be older than the start or not */
};

/* Cause of a retransmit. */
enum retrans_kind {
	RETRANS_TIMEOUT = 0, /* no answer in time, and what the kernel repeats after that */
	RETRANS_FAST = 1, /* the peer's acknowledgments showed that it was lost */
	RETRANS_PROBE = 2, /* tail loss probe: to find out early whether the last segment arrived */
	RETRANS_KINDS = 3,
};
/* Turns of a session, and who waits for whom. */
struct turns_record {
	/* sums of response times, us << 16, and in the low bits how many turns are not in it */
	__u64 peer_times;
	__u64 our_times;
	__u32 turns;
	__u32 answer_us; /* our response time since the last turn; 0: no answer, ~0: not known */
	__u32 first_data_us; /* 0: nothing read */
	__u32 since_sent; /* jiffies since data was last sent, and received */
	__u32 since_received;
	/* the longest and the last: a number of 11 bits, and the bits that follow it */
	__u16 peer_max;
	__u16 peer_last;
	__u16 our_max;
	__u16 our_last;
	__u32 we_spoke_last; /* 1: what was sent last is ours */
};
_Static_assert(sizeof(struct turns_record) == 48, "padding in struct turns_record");

/*
 * One session: closed (ring buffer), or a snapshot while open (iterator). Times: CLOCK_BOOTTIME of
 * the initial time namespace.
 */
struct session_record {
	__u64 cookie; /* bpf_get_socket_cookie: printed by `ss -e` as sk: */
	__u64 taken_ns; /* when this record was filled */
	__u64 start_ns; /* SYN sent, or creation by a listener, or first scan; 0: no state kept */
	__u64 established_ns; /* 0: never, or before the start */
	__u64 closing_ns; /* first FIN, from either end; 0: none, or before the start */
	__u64 cgroup; /* cgroup v2 id of the socket; 0: Linux before 5.15 */
	__u64 bytes_acked; /* as counted by tcp_sock: with SYN and FIN */
	__u64 bytes_received; /* as counted by tcp_sock: with the peer's FIN */
	__u64 bytes_sent; /* data with retransmits, without SYN and FIN */
	__u64 bytes_retrans;
	struct turns_record turns;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 unread; /* rcv_nxt - copied_seq: arrived in order and not read, FIN included */
	__u32 srtt_us; /* smoothed RTT in 1/8 us, as the kernel keeps it */
	__u32 min_rtt_us; /* 0 or ~0: no sample */
	__u32 total_retrans;
	__u32 retrans[RETRANS_KINDS]; /* by enum retrans_kind, since its state was made */
	__u32 cwnd;
	__u32 mss;
	__u32 chrono[3]; /* jiffies spent busy, limited by the peer's window, by our send buffer */
	__u32 pid; /* thread group id of the owner in tcplife's /proc; 0: not visible there */
	__u32 uid; /* of the socket */
	__u32 netns; /* inode of the network namespace; 0: a kernel without CONFIG_NET_NS */
	__s32 err; /* sk_err */
	__u32 interface; /* index of the one that the socket is bound to, in its namespace; 0: none */
	__u16 lport;
	__u16 rport;
	__u8 laddr[16]; /* IPv4: the first four bytes */
	__u8 raddr[16];
	__u8 comm[COMM_LEN]; /* of the owner's thread group leader */
	__u8 first_comm[COMM_LEN]; /* at the first evidence of the owner; empty: it never changed */
	__u8 ip; /* 4 or 6, on the wire */
	__u8 state; /* after the close: the state before TCP_CLOSE */
	__u8 closed; /* 1: closed, 0: still open */
	__u8 owner; /* enum owner_evidence */
	__u8 direction; /* enum direction */
	__u8 fin_received; /* the peer's FIN arrived */
	__u8 age; /* enum age */
	__u8 orphan; /* no process held the socket any more: SOCK_DEAD */
	__u8 data_after_close; /* data followed our close, which the kernel answers with a reset */
	__u8 accepted; /* a process has taken it from the queue, or opened it */
	__u8 repair; /* the socket is in repair mode: closing it tells the peer nothing */
	__u8 no_syn; /* opened by us without a SYN: restored by TCP_REPAIR */
	__u8 peer_window_zero; /* the peer's window is 0, and data waits for it */
	__u8 our_window_zero; /* the window that we announced is 0 */
	__u8 seen; /* the last snapshot that it was in << 1, and 1 if it was unchanged; 0: none */
	__u8 pad;
};
_Static_assert(sizeof(struct session_record) == 296, "padding in struct session_record");

/*
 * Open sessions that have not changed since the collector last received their records are only
 * counted, in cells by their cookie: see snapshot.bpf.h.
 */
#define UNCHANGED_CELLS 4096

/* A process that has a descriptor of the wanted session, or is the wanted process. */
struct holder_record {
	__u32 pid; /* as in a session record */
	__u32 netns; /* inode of its network namespace; 0: not known */
	__u32 holds; /* 1: it has a descriptor, 0: it is the wanted process */
	__u8 comm[COMM_LEN];
};

/* A process, and how it is known that it owns something. */
struct process {
	__u32 pid;
	__u8 evidence; /* enum owner_evidence */
	__u8 pad[3];
	__u8 comm[COMM_LEN];
};

/*
 * A listening socket. The programs set the first members, the others are its figures when the
 * collector last asked for them.
 */
struct listener {
	struct process owner;
	__u64 cookie; /* as in a session record */
	__u64 established; /* children that it has made since it is known */
	__u32 round; /* in which its figures were read; 0: never */
	__u32 queue; /* children that no process has accepted yet */
	__u32 queue_limit;
	__u32 half_open; /* handshakes that are not complete */
	__u32 drops; /* packets that it has refused */
	__u32 uid;
	__u32 netns; /* as in a session record */
	__u32 interface; /* as in a session record */
	__u32 waited; /* jiffies since the first child in the queue was established */
	__u16 port;
	__u16 group_size; /* sockets of its SO_REUSEPORT group; 0: none */
	__u8 addr[16]; /* IPv4: the first four bytes */
	__u8 ip; /* 4 or 6 */
	__u8 v6_only; /* 1: it does not accept IPv4 */
	__u8 waits; /* 1: `waited` is known */
	__u8 pad[5];
};
_Static_assert(sizeof(struct listener) == 104, "padding in struct listener");

/* Names a control group that a session has for the first time, so that it is looked up in time. */
struct new_cgroup {
	__u64 none; /* always 0 */
	__u64 cgroup;
};

/* Direction of a dropped packet. */
enum drop_direction {
	DROP_IN = 0,
	DROP_OUT = 1,
	DROP_FORWARDED = 2,
};

#define DROP_ENTRIES 4096

/* Dropped packets that are counted together. */
struct drop_key {
	__u32 reason; /* enum skb_drop_reason, or a number of a subsystem */
	__u32 netns; /* inode; 0: not known */
	__u8 laddr[16]; /* our end; of a forwarded packet, its source. IPv4: the first four bytes */
	__u8 raddr[16];
	__u16 lport; /* 0: left out, as the port that differs from connection to connection */
	__u16 rport; /* the same */
	__u8 ip; /* 4 or 6 */
	__u8 direction; /* enum drop_direction */
	__u8 is_syn; /* 1: the first packet of a connection, SYN without ACK */
	/* 1: a listener had no room for the connection, which the kernel calls NO_SOCKET */
	__u8 is_refused;
};
_Static_assert(sizeof(struct drop_key) == 48, "padding in struct drop_key");

struct drop_count {
	__u64 packets;
	__u64 first_ns; /* CLOCK_BOOTTIME of the initial time namespace */
	__u64 last_ns;
};

/* The capture filter: applied in the kernel, before a record is made. */
struct capture_filter {
	__u32 pid; /* 0: any */
	__u32 netns; /* inode; 0: any */
	__u8 ip; /* 4, 6, or 0: both */
	__u8 by_lport; /* lports is active */
	__u8 by_rport; /* rports is active */
	__u8 by_port; /* ports is active, for either end */
	__u8 pad[4];
	__u64 lports[PORT_WORDS]; /* one bit per port */
	__u64 rports[PORT_WORDS];
	__u64 ports[PORT_WORDS];
};

#endif
