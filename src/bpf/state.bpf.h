// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * State of the sockets, the maps and variables that the programs share with each other and with the
 * collector, and how a socket leads to its state, namespace and MPTCP socket.
 */
#ifndef TCPLIFE_STATE_H
#define TCPLIFE_STATE_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "tcplife.h"

enum state_flags {
	UNCONFIRMED = 1 << 0, /* child of a listener whose handshake is not complete */
	ADOPTED = 1 << 1, /* open before the start */
	NO_SYN = 1 << 2, /* opened by us without a SYN */
	WAS_READ = 1 << 3, /* newest_us is set */
	IS_ROUGH = 1 << 4, /* newest_us is off by up to a jiffy, either way */
	MAY_ANSWER = 1 << 5, /* nothing was written since the last read, as far as is known */
};

/* State of a socket, from its first transition on. */
struct sock_state {
	__u64 start_ns; /* 0: the socket has no session now */
	__u64 established_ns;
	__u64 closing_ns;
	__u32 pid;
	__u8 owner;
	/* enum direction; 1: the owner's first name is in first_names */
	__u8 direction : 7, renamed : 1;
	__u8 flags; /* enum state_flags */
	/* the last snapshot that it was in << 1, and whether it was unchanged; 0: none */
	__u8 seen;
	__u8 comm[COMM_LEN];
	/* segments with data that had arrived at the last read, or when we closed first: low bits */
	__u16 data_segs;
	__u8 turn_retrans; /* total_retrans at the last turn: low bits */
	__u8 turn_segs; /* data_segs_out at the last turn: low bits */
	__u32 snapshot_digest; /* what the collector last saw of it while open; 0: nothing */
	/* turns: see turns.bpf.h */
	__u64 peer_times; /* sum of the peer's response times, see add_time() */
	__u64 our_times; /* of ours */
	__u32 turns;
	__u32 acked; /* bytes of data acknowledged at the last turn: low bits */
	__u32 arrived; /* rcv_nxt at the last read */
	__u32 newest_us; /* arrival of the newest data read: low bits of CLOCK_MONOTONIC */
	__u32 answer_us; /* time until the first write since then; 0: not seen */
	__u32 first_data_us; /* from the handshake to the first read; 0: nothing read */
	__u16 peer_max; /* encoded by shorten() */
	__u16 peer_last;
	__u16 our_max;
	__u16 our_last;
	__u32 retrans[RETRANS_KINDS]; /* retransmitted segments by enum retrans_kind */
	__u32 retrans_seen; /* tcp_sock.total_retrans when they were last counted */
};
_Static_assert(sizeof(struct sock_state) == 120,
	       "with the kernel's 72 bytes (Linux 6.1 to 7.3) it fills a slab of 192");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sock_state);
} states SEC(".maps");

/*
 * The first names of owners that have had several, by the address of the socket. A state has no room
 * for a second name, and few processes take one. An entry counts only for a state that is marked as
 * renamed, so none is ever that of an earlier socket at the same address. Bounded: of more than this,
 * those that were not used for the longest time are forgotten.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8[COMM_LEN]);
} first_names SEC(".maps");

/*
 * The listening sockets, by address. Bounded: of more listeners than this,
 * those without a new child for the longest time are forgotten.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct listener);
} listeners SEC(".maps");

/*
 * The owners of MPTCP sockets, by address. An entry is replaced when the first subflow of the next
 * MPTCP socket at that address is opened, so none is ever that of an earlier one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct process);
} mptcp_owners SEC(".maps");

/* The best holder of a socket that a scan has found so far. */
struct holder {
	__u64 start_ns; /* of the process, which may be older than the tool */
	__u32 pid; /* in the initial PID namespace */
	__u32 listens; /* 1: it holds a listener of the socket's port, too */
};

/* By the address of the socket. The collector clears this map and port_holders before the next scan. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, __u64);
	__type(value, struct holder);
} holders SEC(".maps");

/* The owner that a scan has found for a session whose socket it could only read. */
struct note {
	struct process owner;
	__u64 cookie; /* of the socket then; 0: it had none */
	__u64 is_taken; /* 1: the session has this owner, or a better one */
};

/* By the address of the socket. The collector clears it before the next scan. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, __u64);
	__type(value, struct note);
} notes SEC(".maps");

/*
 * The last snapshot that a session was in, by its cookie, where its state cannot be written. Bounded: of
 * more sessions than this, one that several processes hold may be in a snapshot twice.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, __u64);
	__type(value, __u8);
} read_snapshots SEC(".maps");

/* A process that holds a listener. */
struct port_holder {
	__u32 netns;
	__u32 pid; /* as in struct holder */
	__u16 lport;
	__u16 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 15);
	__type(key, struct port_holder);
	__type(value, __u32);
} port_holders SEC(".maps");

/* The control groups that the collector knows of. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} seen_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24); /* the collector sets the requested size before loading */
} sessions SEC(".maps");

/*
 * The transition that on_state handled last on this processor, until on_state_nested has seen it,
 * and how often a program was run for a write.
 */
struct followed {
	__u64 sk;
	__u32 states;
	__u32 running; /* 1: on_state is running on this processor */
	__u64 writes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct followed);
} followed SEC(".maps");

/* For variables that the collector writes while programs run: one access, of the whole value. */
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

/*
 * Two, so that the collector can write one while the other is active. It writes active_filter last;
 * a program reads that once and keeps the filter that it found.
 */
struct capture_filter filters[2];
__u32 active_filter;

/*
 * While sessions keep closing, the collector drains the ring every 50 ms without being woken. A
 * closing session wakes it only if more than this is waiting in the ring, and then not again until
 * the ring has been drained: on a busy processor the collector may be late, and each wake-up is an
 * interrupt. When no session has closed for a while the collector sleeps, and the next session that
 * closes wakes it. A new control group always wakes it: see note_cgroup().
 */
const volatile __u64 wake_above_bytes = 1 << 22;
__u32 wakeup_pending; /* set here, cleared by the collector */
__u32 consumer_idle; /* written by the collector */

__u64 last_cgroup; /* the one that was noted last: most sessions have the same as the one before */

/* Counted here and read by the collector. */
__u64 ring_full; /* sessions that found the ring full */
__u64 no_memory; /* reported sessions for which no state could be made */
__u32 was_short_of_memory; /* 1: some session may have no state although it is new */
__u64 made_good; /* transitions that on_state_nested handled because on_state was not run */

__u32 snapshot_gen; /* changed by the collector to get every session in full again */
__u32 snapshot_number; /* of the current one: 1 to 127, set by the collector */
__u32 snapshot_records; /* written to the ring for it so far */
__u32 part_left; /* objects that an iterator visits before the collector gets its turn */
int scanner_tid; /* walks iter/tcp, which locks every socket that it visits (Linux 5.15) */
__u64 wanted_cookie; /* of the session whose holders find_holders looks for */
__u32 wanted_pid; /* a process that it reports once, too; 0: none */
__u32 listener_round; /* counts how often the collector has asked for figures of the listeners */
__u32 gone_owner; /* its listeners get another owner from the next scan; 0: none */
__u64 scan_began_ns; /* CLOCK_MONOTONIC, as the start times of processes */
__u32 scan_pass; /* 0: the scan looks for listeners, 1: for sessions */

__u32 jiffy_us; /* set by the collector before the tracepoints are attached */

/* 1: snapshots walk the reader's network namespace and, if there are sessions in others, all files */
const volatile __u32 walks_files;
/*
 * 1: a program may read the socket of an open file, but not pass it to a helper. Some kernels trust no
 * pointer that was read through another one (seen on Linux 6.18.44): the owners that a scan finds are
 * noted then, and taken where an event or iter/tcp leads to the socket.
 */
const volatile __u32 only_reads_files;
__u32 has_foreign; /* 1: a session in another network namespace than the reader's has been seen */
__u64 reader_net; /* address of that namespace, set by learn_reader */

/*
 * Set by learn_reader, which runs before everything else; proc_depth is set by the collector before
 * that. The reader is the task that reads the iterators: the collector.
 */
__u64 learn_jiffies; /* at one moment, with learn_ns: gives the length of a jiffy */
__u64 learn_ns; /* CLOCK_MONOTONIC */
__u64 learn_boot_ns; /* CLOCK_BOOTTIME of the initial time namespace */
__u32 proc_depth; /* PID namespaces from that of the reader's /proc to the reader's own */
__u32 pid_level; /* depth of the PID namespace of the reader's /proc; 0: the initial one */
__u64 pid_ns; /* its address */

/*
 * The socket of a tcp_sock returned by bpf_skc_to_tcp_sock(). Pointers are read through it and not
 * through the socket pointer that came with the event: for each pointer read through the latter,
 * the verifier of Linux 6.3 and later searches the names of all kernel types (kernel/bpf/btf.c,
 * btf_nested_type_is_trusted), which takes a millisecond each time on 6.18.
 */
static __always_inline struct sock *sock_of(struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

/* The cookie that a socket has already; 0: none. */
static __always_inline __u64 cookie_of(const struct sock *sk)
{
	return sk->__sk_common.skc_cookie.counter;
}

static __always_inline struct sock_state *state_of(struct sock *sk)
{
	return bpf_sk_storage_get(&states, sk, 0, 0);
}

/* ::ffff:a.b.c.d speaks IPv4 on the wire. */
static __always_inline bool is_mapped(const struct in6_addr *a)
{
	return a->in6_u.u6_addr32[0] == 0 && a->in6_u.u6_addr32[1] == 0 &&
	       a->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

/* Without CONFIG_NET_NS there is one namespace, which has no inode: 0. */
static __always_inline __u32 netns_of(const struct sock_common *skc)
{
	if (!bpf_core_field_exists(skc->skc_net.net))
		return 0;
	return skc->skc_net.net->ns.inum;
}

/* The same of a process. */
static __always_inline __u32 task_netns(const struct task_struct *task)
{
	if (!bpf_core_field_exists(((possible_net_t *)0)->net))
		return 0;
	return BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
}

/* The address of a socket's network namespace; 0: there is only one. */
static __always_inline __u64 net_of(const struct sock_common *skc)
{
	if (!bpf_core_field_exists(skc->skc_net.net))
		return 0;
	return (__u64)BPF_CORE_READ(skc, skc_net.net);
}

/* From now on, snapshots must look for sessions outside of the reader's namespace, too. */
static __always_inline void note_namespace(struct tcp_sock *tp)
{
	const struct sock_common *skc = &sock_of(tp)->__sk_common;

	if (!walks_files || READ_ONCE(has_foreign) || !bpf_core_field_exists(skc->skc_net.net))
		return;
	if ((__u64)skc->skc_net.net != reader_net)
		WRITE_ONCE(has_foreign, 1);
}

/* The MPTCP socket of a subflow, to compare with others; 0: not a subflow. */
static __always_inline __u64 mptcp_of(struct tcp_sock *tp, bool *is_join)
{
	struct mptcp_subflow_context *subflow;

	*is_join = false;
	if (!bpf_core_field_exists(tp->is_mptcp) || !tp->is_mptcp)
		return 0;
	subflow = tp->inet_conn.icsk_ulp_data;
	if (!subflow)
		return 0;
	/* asked for by us, or by the peer */
	*is_join = BPF_CORE_READ_BITFIELD_PROBED(subflow, request_join) ||
		   BPF_CORE_READ_BITFIELD_PROBED(subflow, mp_join);
	return (__u64)BPF_CORE_READ(subflow, conn);
}

#endif
