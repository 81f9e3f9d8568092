// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Follows every TCP session of the host: one record in the ring buffer when it closes, its figures
 * on demand while it is open.
 *
 * BTF tracepoints and iterators only. They need no more than CAP_BPF and CAP_PERFMON, and load
 * with lockdown=integrity.
 *
 * State is kept in socket storage: it is created and freed with the socket, cannot fill up, and is
 * not confused by a reused address. The kernel clones a listener's storage into every child
 * (BPF_F_CLONE), so the listening task is known before anything else about the child.
 *
 * The owner is the best evidence, never a guess:
 *   connect   the task that sent the SYN
 *   read      the last task that read from an accepted socket
 *   close     the task that closed or shut it down
 *   scan      a task that held the descriptor when the tables were scanned
 *   listen    the task that listens, for a child that nobody has touched yet
 * A task counts only when it holds the socket lock (sk_lock.owned). In softirq context the current
 * task is the interrupted one, and there the lock is not owned: packets for an owned socket wait in
 * its backlog, which the owner itself processes.
 *
 * connect is never overwritten. When a process connects and its child reads, the session is the
 * parent's: users look for the process that decided to talk to a peer, and that does not change
 * while they look. A kernel thread that closes does not count: it cleans up after a process
 * (deferred closing, io_uring's files, descriptors lost in a Unix socket). One that connects or
 * reads is a user of its own, such as nfsd.
 *
 * MPTCP subflows are TCP sockets and what is on the wire, and are shown as such.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "tcplife.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Exported so that their types reach the skeleton. */
const struct session_record *unused_session_record __attribute__((unused));
const struct unchanged_session *unused_unchanged_session __attribute__((unused));
const enum owner_evidence *unused_owner_evidence __attribute__((unused));
const enum direction *unused_direction __attribute__((unused));

/* State of a socket, from its first transition on. */
struct sock_state {
	__u64 start_ns; /* 0: the socket has no session now */
	__u64 established_ns;
	__u64 closing_ns;
	__u32 pid;
	__u8 owner;
	__u8 direction;
	__u8 listener; /* belongs to a listener, or was just cloned from one */
	__u8 adopted;
	__u8 comm[COMM_LEN];
	__u32 data_segs; /* segments with data that had arrived when we closed first */
	__u32 snapshot_digest; /* what the collector last saw of it while open; 0: nothing */
};
_Static_assert(sizeof(struct sock_state) == 56,
	       "with the kernel's 72 bytes (Linux 6.1 to 7.3) it fills a slab of 128");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sock_state);
} states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24); /* the collector sets the requested size before loading */
} sessions SEC(".maps");

/*
 * The transition that on_state handled last on this processor, until on_state_nested has seen it.
 */
struct followed {
	__u64 sk;
	__u64 states;
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
 * program wakes it only if more than this is waiting in the ring, and then not again until the ring
 * has been drained: on a busy processor the collector may be late, and each wake-up is an
 * interrupt. When no session has closed for a while the collector sleeps, and the next session that
 * closes wakes it.
 */
const volatile __u64 wake_above_bytes = 1 << 22;
__u32 wakeup_pending; /* set here, cleared by the collector */
__u32 consumer_idle; /* written by the collector */

__u64 ring_full; /* sessions that found the ring full; read by the collector */
__u32 snapshot_gen; /* changed by the collector to get every session in full again */
int scanner_tid; /* walks iter/tcp, which locks every socket that it visits (Linux 5.15) */
__u64 scan_jiffies; /* jiffies and monotonic clock at one moment: gives the length of a jiffy */
__u64 scan_ns;

static __always_inline void set_owner(struct sock_state *st, struct task_struct *task,
				      __u8 evidence)
{
	struct task_struct *leader = task;

	if (task->pid != task->tgid)
		leader = BPF_CORE_READ(task, group_leader);
	st->pid = task->tgid;
	st->owner = evidence;
	bpf_probe_read_kernel(st->comm, sizeof(st->comm), leader->comm);
}

/* Makes the current task the owner if it holds the socket's lock and nothing better is known. */
static __always_inline void set_owner_current(struct sock_state *st, struct sock *sk, __u8 evidence)
{
	struct task_struct *task;

	if (st->owner > evidence || !sk->sk_lock.owned)
		return;
	task = bpf_get_current_task_btf();
	if (evidence == OWNER_CLOSE &&
	    (task->flags & PF_KTHREAD || task->pid == READ_ONCE(scanner_tid)))
		return;
	set_owner(st, task, evidence);
}

/* A child's storage is a copy of its listener's until the child is first seen. */
static __always_inline void init_child(struct sock_state *st, __u64 now)
{
	st->listener = 0;
	st->adopted = 0;
	st->direction = DIRECTION_IN;
	st->owner = st->pid ? OWNER_LISTEN : OWNER_NONE;
	st->start_ns = now;
	st->established_ns = 0;
	st->closing_ns = 0;
}

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

static __always_inline struct sock_state *state_of(struct sock *sk)
{
	return bpf_sk_storage_get(&states, sk, 0, 0);
}

/* Without CONFIG_NET_NS there is one namespace, which has no inode: 0. */
static __always_inline __u32 netns_of(const struct sock_common *skc)
{
	if (!bpf_core_field_exists(skc->skc_net.net))
		return 0;
	return skc->skc_net.net->ns.inum;
}

static __always_inline bool has_port(const __u64 *bits, __u16 port)
{
	return bits[port >> 6] >> (port & 63) & 1;
}

static __always_inline bool is_captured(struct tcp_sock *tp, __u8 ip, __u16 lport, __u16 rport,
					__u32 pid)
{
	const struct capture_filter *f = &filters[READ_ONCE(active_filter) & 1];

	if (f->ip && f->ip != ip)
		return false;
	if (f->pid && f->pid != pid)
		return false;
	if (f->netns && f->netns != netns_of(&sock_of(tp)->__sk_common))
		return false;
	if (f->by_lport && !has_port(f->lports, lport))
		return false;
	if (f->by_rport && !has_port(f->rports, rport))
		return false;
	return !f->by_port || has_port(f->ports, lport) || has_port(f->ports, rport);
}

/* ::ffff:a.b.c.d speaks IPv4 on the wire. */
static __always_inline bool is_mapped(const struct in6_addr *a)
{
	return a->in6_u.u6_addr32[0] == 0 && a->in6_u.u6_addr32[1] == 0 &&
	       a->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline __u8 ip_version(struct sock *sk)
{
	struct sock_common *skc = &sk->__sk_common;

	if (bpf_core_field_exists(skc->skc_v6_daddr) && skc->skc_family == AF_INET6 &&
	    !is_mapped(&skc->skc_v6_daddr))
		return 6;
	return 4;
}

static __always_inline void fill_record(struct session_record *r, struct tcp_sock *tp,
					const struct sock_state *st, __u64 now)
{
	struct sock *sk = sock_of(tp);
	struct sock_common *skc = &sk->__sk_common;
	__u32 chrono_type;

	r->cookie = bpf_get_socket_cookie(sk);
	r->taken_ns = now;
	r->cgroup = 0;
	/* before Linux 5.15 this was a tagged word, which cgroup v1 may have claimed */
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		r->cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	r->bytes_acked = tp->bytes_acked;
	r->bytes_received = tp->bytes_received;
	r->bytes_sent = tp->bytes_sent;
	r->bytes_retrans = tp->bytes_retrans;
	r->snd_una = tp->snd_una;
	r->snd_nxt = tp->snd_nxt;
	r->write_seq = tp->write_seq;
	r->unread = tp->rcv_nxt - tp->copied_seq;
	r->srtt_us = tp->srtt_us;
	r->min_rtt_us = tp->rtt_min.s[0].v;
	r->total_retrans = tp->total_retrans;
	r->cwnd = tp->snd_cwnd;
	r->mss = tp->mss_cache;
	r->chrono[0] = tp->chrono_stat[0];
	r->chrono[1] = tp->chrono_stat[1];
	r->chrono[2] = tp->chrono_stat[2];
	/*
	 * chrono_stat lacks the phase that is still running: net/ipv4/tcp.c,
	 * tcp_get_info_chrono_stats
	 */
	chrono_type = BPF_CORE_READ_BITFIELD(tp, chrono_type);
	if (chrono_type != TCP_CHRONO_UNSPEC) {
		__u32 since = (__u32)bpf_jiffies64() - tp->chrono_start;

		if (chrono_type == TCP_CHRONO_BUSY)
			r->chrono[TCP_CHRONO_BUSY - 1] += since;
		else if (chrono_type == TCP_CHRONO_RWND_LIMITED)
			r->chrono[TCP_CHRONO_RWND_LIMITED - 1] += since;
		else
			r->chrono[TCP_CHRONO_SNDBUF_LIMITED - 1] += since;
	}
	r->uid = sk->sk_uid.val;
	r->netns = netns_of(skc);
	r->err = sk->sk_err;
	if (bpf_core_field_exists(skc->skc_v6_daddr) && r->ip == 6) {
		for (int i = 0; i < 4; i++) {
			((__be32 *)r->laddr)[i] = skc->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			((__be32 *)r->raddr)[i] = skc->skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		__builtin_memset(r->laddr, 0, sizeof(r->laddr));
		__builtin_memset(r->raddr, 0, sizeof(r->raddr));
		*(__be32 *)r->laddr = skc->skc_rcv_saddr;
		*(__be32 *)r->raddr = skc->skc_daddr;
	}
	r->fin_received = skc->skc_flags >> SOCK_DONE & 1;
	r->orphan = skc->skc_flags >> SOCK_DEAD & 1;
	r->data_after_close = 0;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	if (st) {
		r->start_ns = st->start_ns;
		r->established_ns = st->established_ns;
		r->closing_ns = st->closing_ns;
		r->pid = st->pid;
		r->owner = st->owner;
		r->direction = st->direction;
		r->adopted = st->adopted;
		__builtin_memcpy(r->comm, st->comm, sizeof(r->comm));
	} else {
		r->start_ns = 0;
		r->established_ns = 0;
		r->closing_ns = 0;
		r->pid = 0;
		r->owner = OWNER_NONE;
		r->direction = DIRECTION_UNKNOWN;
		r->adopted = 1;
		__builtin_memset(r->comm, 0, sizeof(r->comm));
	}
}

/* Two processors may wake the collector at the same moment: one wake-up too many does no harm. */
static __always_inline __u64 get_wakeup_flags(void)
{
	if (!READ_ONCE(wakeup_pending) &&
	    bpf_ringbuf_query(&sessions, BPF_RB_AVAIL_DATA) > wake_above_bytes) {
		WRITE_ONCE(wakeup_pending, 1);
		return BPF_RB_FORCE_WAKEUP;
	}
	return READ_ONCE(consumer_idle) ? 0 : BPF_RB_NO_WAKEUP;
}

/* Reports a closed session to the collector. */
static __always_inline void report_closed(struct tcp_sock *tp, struct sock_state *st, int oldstate)
{
	struct sock *sk = sock_of(tp);
	struct session_record *r = NULL;
	__u16 lport, rport;
	__u8 ip;

	ip = ip_version(sk);
	lport = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport); /* skc_num is already 0 here */
	rport = bpf_ntohs(sk->__sk_common.skc_dport);
	if (is_captured(tp, ip, lport, rport, st ? st->pid : 0)) {
		r = bpf_ringbuf_reserve(&sessions, sizeof(*r), 0);
		if (!r)
			__sync_fetch_and_add(&ring_full, 1);
	}
	if (r) {
		r->ip = ip;
		r->lport = lport;
		r->rport = rport;
		r->state = oldstate;
		r->closed = 1;
		fill_record(r, tp, st, bpf_ktime_get_ns());
		/*
		 * Data for a process that has closed: the kernel resets, and notes the same error
		 * as for a reset by the peer (tcp_rcv_state_process, TCPABORTONDATA).
		 */
		if (st && oldstate == TCP_FIN_WAIT1 && r->err == ECONNRESET && r->orphan)
			r->data_after_close = st->data_segs != tp->data_segs_in;
	}
	/*
	 * From now on, no snapshot finds it and it is not reported twice; the socket may be
	 * connected again, as a new session. This must precede the submission of the record:
	 * otherwise a snapshot taken after the record could still find the session open.
	 */
	if (!st)
		st = bpf_sk_storage_get(&states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (st) {
		st->start_ns = 0;
		st->owner = OWNER_NONE;
	}
	if (r)
		bpf_ringbuf_submit(r, get_wakeup_flags());
}

/* connect() and listen(): a session or a listener begins. */
static __always_inline void handle_open(struct sock *sk, int newstate)
{
	struct sock_state *st;

	st = bpf_sk_storage_get(&states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st)
		return;
	st->listener = newstate == TCP_LISTEN;
	st->adopted = 0;
	st->direction = DIRECTION_OUT;
	st->established_ns = 0;
	st->closing_ns = 0;
	st->start_ns = bpf_ktime_get_ns();
	st->owner = OWNER_NONE;
	set_owner_current(st, sk, st->listener ? OWNER_LISTEN : OWNER_CONNECT);
}

/* The handshake is complete. */
static __always_inline void handle_established(struct sock *sk)
{
	struct sock_state *st = state_of(sk);
	__u64 now;

	if (!st)
		return;
	now = bpf_ktime_get_ns();
	if (st->listener)
		init_child(st, now);
	if (!st->established_ns)
		st->established_ns = now;
}

/* A FIN, from the peer (TCP_CLOSE_WAIT) or from us. */
static __always_inline void handle_fin(struct sock *sk, int oldstate, int newstate)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp;

	if (!st)
		return;
	if (st->listener)
		init_child(st, bpf_ktime_get_ns());
	if (!st->closing_ns && oldstate != TCP_CLOSE_WAIT)
		st->closing_ns = bpf_ktime_get_ns();
	if (newstate == TCP_CLOSE_WAIT)
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		st->data_segs = tp->data_segs_in;
	set_owner_current(st, sk, OWNER_CLOSE);
}

/* End of a session, or of an attempt at one. */
static __always_inline void handle_close(struct sock *sk, int oldstate)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sock_state *st;

	if (!tp || oldstate == TCP_LISTEN)
		return;
	st = state_of(sk);
	if (st) { /* if not, it was open before the start */
		if (!st->start_ns) /* reported already */
			return;
		if (st->listener) {
			/*
			 * Two packets of one handshake on two processors create two children, and
			 * one is discarded (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock): it never
			 * was a session.
			 */
			if (oldstate == TCP_SYN_RECV && !tp->fastopen_rsk)
				return;
			init_child(st, bpf_ktime_get_ns());
		}
		/* ss -K closes on behalf of nobody (net/ipv4/tcp.c, tcp_abort) */
		if (sk->sk_err != ECONNABORTED)
			set_owner_current(st, sk, OWNER_CLOSE);
	}
	report_closed(tp, st, oldstate);
}

static __always_inline void handle_transition(struct sock *sk, int oldstate, int newstate)
{
	if (sk->sk_protocol != IPPROTO_TCP || oldstate == newstate)
		return;
	switch (newstate) {
	case TCP_SYN_SENT:
	case TCP_LISTEN:
		handle_open(sk, newstate);
		break;
	case TCP_ESTABLISHED:
		handle_established(sk);
		break;
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		handle_fin(sk, oldstate, newstate);
		break;
	case TCP_CLOSE:
		handle_close(sk, oldstate);
		break;
	}
}

/*
 * From Linux 6.1 on, the kernel does not run a program that interrupts itself on a processor: what
 * a softirq does to other sockets while on_state runs would be missed (kernel/trace/bpf_trace.c,
 * __bpf_trace_run, counts it as recursion_misses). So there is a second program, attached after the
 * first and therefore run after it, which handles the transitions that the first was not run for.
 * On older kernels the first program misses none.
 *
 * The first program leaves a note of the transition that it has handled, and the second looks for
 * it. An interrupt between the two may have replaced it; then the transition is handled twice,
 * which changes nothing. A note of an earlier transition is never mistaken for the current one: the
 * first program begins by removing it.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	volatile struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (!f)
		return 0;
	f->sk = 0;
	handle_transition(sk, oldstate, newstate);
	f->states = oldstate << 8 | newstate;
	f->sk = (__u64)sk;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state_nested, struct sock *sk, int oldstate, int newstate)
{
	volatile struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (!f)
		return 0;
	if (f->sk == (__u64)sk && f->states == (oldstate << 8 | newstate))
		f->sk = 0;
	else
		handle_transition(sk, oldstate, newstate);
	return 0;
}

/* Runs in the reader's context after every read that took data. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	struct sock_state *st = state_of(sk);
	struct task_struct *task;
	struct tcp_sock *tp;

	if (!st || !sk->sk_lock.owned)
		return 0;
	/* shut down, not closed: a process still reads, so this data does not follow a close */
	if (sk->__sk_common.skc_state == TCP_FIN_WAIT1) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (tp)
			st->data_segs = tp->data_segs_in;
	}
	if (st->owner > OWNER_READ)
		return 0;
	if (st->listener) /* fast open: data before the handshake is complete */
		init_child(st, bpf_ktime_get_ns());
	task = bpf_get_current_task_btf();
	if (st->owner != OWNER_READ || st->pid != task->tgid)
		set_owner(st, task, OWNER_READ);
	return 0;
}

/*
 * Creates state for a socket that was open before tcplife started. The state is complete as soon as
 * it is visible, because a listener's state may be cloned into a child at any moment.
 */
static __always_inline struct sock_state *adopt(struct sock *sk, __u8 state)
{
	struct sock_state first = {
		.start_ns = bpf_ktime_get_ns(),
		.adopted = 1,
		.listener = state == TCP_LISTEN,
	};

	return bpf_sk_storage_get(&states, sk, &first, BPF_SK_STORAGE_GET_F_CREATE);
}

/*
 * Sessions that wait to be accepted have no descriptor; only their listener leads to them. The
 * verifier follows every iteration of the loop: each instruction in it adds a millisecond to
 * loading the programs (on Linux 6.18).
 */
static __always_inline void adopt_queue(struct sock *listener, const struct sock_state *its)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(listener);
	struct sock_state child = *its;
	struct request_sock *req;

	if (!tp)
		return;
	child.listener = 0;
	req = tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	/*
	 * a queue holds one more than its limit, net.core.somaxconn, which is 4096 by default; a
	 * child that has a state keeps it
	 */
	for (int i = 0; i < 4097 && req; i++, req = req->dl_next)
		bpf_sk_storage_get(&states, req->sk, &child, BPF_SK_STORAGE_GET_F_CREATE);
}

/*
 * Finds which process holds which TCP socket: at the start for preexisting sockets, later for those
 * of which only the listener is known.
 */
SEC("iter/task_file")
int scan_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock_state *st;
	struct socket *sock;
	struct sock *sk;
	__u8 state;

	if (!scan_ns) {
		scan_ns = bpf_ktime_get_ns();
		scan_jiffies = bpf_jiffies64();
	}
	if (!task || !file)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE)
		return 0;
	st = state_of(sk);
	if (!st) {
		st = adopt(sk, state);
		if (!st)
			return 0;
		if (state == TCP_LISTEN) {
			/* prefork: the first process found, the master, counts as the owner */
			set_owner(st, task, OWNER_LISTEN);
			adopt_queue(sk, st);
			return 0;
		}
	}
	if (state != TCP_LISTEN && !st->listener && st->owner <= OWNER_SCAN)
		set_owner(st, task, OWNER_SCAN);
	return 0;
}

/*
 * Finds sockets of which no process has a descriptor: closed sockets whose last data or FIN is in
 * flight, descriptors in flight over a Unix socket, sockets of the kernel itself, the TCP sockets
 * of an MPTCP socket (also of a listening one), and sockets of processes in PID namespaces that are
 * not below the reader's.
 * Sees the network namespace of its reader only.
 */
SEC("iter/tcp")
int scan_orphans(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;
	struct sock *sk;
	__u8 state;

	WRITE_ONCE(scanner_tid, bpf_get_current_task_btf()->pid);
	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc); /* null for request and TIME_WAIT sockets */
	if (!tp)
		return 0;
	sk = sock_of(tp);
	state = sk->__sk_common.skc_state;
	if (state != TCP_CLOSE && !state_of(sk))
		adopt(sk, state);
	return 0;
}

static __always_inline __u64 mix(__u64 sum, __u64 word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15ULL;
}

/*
 * A digest that changes whenever the record would, except for the time and values derived from it.
 * It runs for every idle socket, and every cache line of a socket is a cache miss, so it reads few
 * fields: the sequence numbers cover the byte counts, the delivered segments the RTT samples, the
 * sent segments the retransmits, and the chrono times do not advance while nothing is in flight.
 */
static __always_inline __u32 digest(struct sock *sk, struct tcp_sock *tp,
				    const struct sock_state *st)
{
	struct sock_common *skc = &sk->__sk_common;
	const __u64 *comm = (const __u64 *)st->comm;
	__u64 sum = READ_ONCE(snapshot_gen);

	sum = mix(sum, st->start_ns);
	sum = mix(sum, st->established_ns);
	sum = mix(sum, st->closing_ns);
	sum = mix(sum, (__u64)st->pid << 32 | st->owner << 8 | skc->skc_state);
	sum = mix(sum, comm[0]);
	sum = mix(sum, comm[1]);
	sum = mix(sum, (__u64)sk->sk_uid.val << 32 |
			       (skc->skc_flags & (1 << SOCK_DONE | 1 << SOCK_DEAD)));
	sum = mix(sum, (__u64)tp->rcv_nxt << 32 | tp->snd_nxt);
	sum = mix(sum, (__u64)tp->snd_una << 32 | tp->srtt_us);
	sum = mix(sum, (__u64)tp->delivered << 32 | tp->segs_out);
	sum = mix(sum, (__u64)tp->write_seq << 32 | tp->copied_seq);
	sum = mix(sum, (__u64)tp->snd_cwnd << 32 | tp->mss_cache);
	return sum >> 32 ?: 1; /* 0: never shown */
}

/*
 * The figures of every open session that is followed: a record, or only its cookie if an earlier
 * snapshot has shown all of it. Most sessions of a host are idle.
 */
SEC("iter/bpf_sk_storage_map")
int dump_open_sessions(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock_state *st = ctx->value;
	struct sock *sk = ctx->sk;
	struct session_record r; /* all of it is filled: there is no padding */
	struct tcp_sock *tp;
	struct unchanged_session unchanged = {};
	__u32 digest_now;
	__u8 state;

	if (!sk || !st)
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE || state == TCP_LISTEN || st->listener || !st->start_ns)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	r.ip = ip_version(sk);
	r.lport = sk->__sk_common.skc_num;
	r.rport = bpf_ntohs(sk->__sk_common.skc_dport);
	r.state = state;
	r.closed = 0;
	if (!is_captured(tp, r.ip, r.lport, r.rport, st->pid))
		return 0;
	/* before the figures are read: a change in between then appears in the next snapshot */
	digest_now = digest(sk, tp, st);
	if (digest_now == st->snapshot_digest &&
	    BPF_CORE_READ_BITFIELD(tp, chrono_type) == TCP_CHRONO_UNSPEC) {
		unchanged.cookie = bpf_get_socket_cookie(sk);
		bpf_seq_write(ctx->meta->seq, &unchanged, sizeof(unchanged));
		return 0;
	}
	fill_record(&r, tp, st, bpf_ktime_get_ns());
	/* the kernel discards a record that does not fit, and runs the program again for it */
	if (bpf_seq_write(ctx->meta->seq, &r, sizeof(r)) == 0)
		st->snapshot_digest = digest_now;
	return 0;
}
