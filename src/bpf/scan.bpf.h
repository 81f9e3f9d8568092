// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Iterators over open files and sockets: what was open before the start, and who holds what.
 */
#ifndef TCPLIFE_SCAN_H
#define TCPLIFE_SCAN_H

#include "state.bpf.h"
#include "owner.bpf.h"
#include "turns.bpf.h"

/* The address of a process's network namespace; 0: there is only one. */
static __always_inline __u64 reader_namespace(struct task_struct *task)
{
	if (!bpf_core_field_exists(((possible_net_t *)0)->net))
		return 0;
	return (__u64)BPF_CORE_READ(task, nsproxy, net_ns);
}

/*
 * Learns where and when the reader is: runs in its context. The ids of processes that are shown are
 * those of the PID namespace of the reader's /proc.
 */
SEC("iter/bpf_map")
int learn_reader(struct bpf_iter__bpf_map *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct local_pid here;

	if (learn_ns)
		return 0;
	reader_net = reader_namespace(task);
	learn_ns = bpf_ktime_get_ns();
	learn_jiffies = bpf_jiffies64();
	learn_boot_ns = bpf_ktime_get_boot_ns();
	pid_level = level > proc_depth ? level - proc_depth : 0;
	read_local_pid(&here, pid, pid_level);
	pid_ns = here.ns;
	return 0;
}

static __always_inline bool is_bound(struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
}

/*
 * The time since which a session has been open at least, ns: its last data came no earlier than its
 * handshake, which sets both times, too (net/ipv4/tcp_input.c, tcp_finish_connect, and
 * tcp_minisocks.c, tcp_create_openreq_child).
 */
static __always_inline __u64 open_for_ns(struct tcp_sock *tp)
{
	__u32 now = bpf_jiffies64();
	__s32 sent = now - tp->lsndtime;
	__s32 received = now - tp->inet_conn.icsk_ack.lrcvtime;
	__s32 longer = sent > received ? sent : received;

	/* a jiffy has begun before the event in it */
	return longer > 1 ? (__u64)(longer - 1) * jiffy_us * 1000 : 0;
}

/* Creates state for a socket that was open before tcplife started. */
static __always_inline struct sock_state *adopt(struct sock *sk, struct tcp_sock *tp, __u8 state)
{
	struct sock_state first = {
		.start_ns = bpf_ktime_get_boot_ns(),
		.flags = ADOPTED,
	};

	if (tp)
		note_namespace(tp);
	if (state == TCP_SYN_SENT) {
		first.direction = DIRECTION_OUT;
		first.acked = 1; /* with our SYN, as by forget_turns() */
	} else if (tp) {
		if (state != TCP_SYN_RECV)
			first.start_ns -= open_for_ns(tp);
		/*
		 * With nothing in flight, what was acknowledged besides the data that was sent is
		 * a SYN of ours: net/ipv4/tcp_input.c, tcp_snd_una_update.
		 */
		if ((state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT) &&
		    tp->snd_una == tp->snd_nxt) {
			__u64 rest = tp->bytes_acked - (tp->bytes_sent - tp->bytes_retrans);

			/* a child of a listener has no port of its own; a restored one is bound */
			if (rest == 1)
				first.direction = DIRECTION_OUT;
			else if (rest == 0 && is_bound(sk))
				first.flags |= NO_SYN;
			else if (rest == 0)
				first.direction = DIRECTION_IN;
		}
		first.data_segs = tp->data_segs_in;
		first.retrans_seen = tp->total_retrans;
		first.acked = acked_data(tp);
		first.arrived = tp->rcv_nxt;
		begin_turns(&first, tp);
	}
	return bpf_sk_storage_get(&states, sk, &first, BPF_SK_STORAGE_GET_F_CREATE);
}

/* A walk along the accept queue of a listener. */
struct queue_walk {
	struct request_sock *next;
	struct sock_state first; /* for the children that have no state; others keep theirs */
};

/* A queue holds one more than its limit, net.core.somaxconn, which is 4096 by default. */
#define QUEUE_LENGTH 4097

static __always_inline long adopt_child(struct queue_walk *walk)
{
	struct request_sock *req = walk->next;

	if (!req)
		return 1;
	bpf_sk_storage_get(&states, req->sk, &walk->first, BPF_SK_STORAGE_GET_F_CREATE);
	walk->next = req->dl_next;
	return 0;
}

static long adopt_next_child(__u32 index, struct queue_walk *walk)
{
	return adopt_child(walk);
}

/*
 * Sessions that wait to be accepted have no descriptor; only their listener leads to them.
 * `has_loops`: the kernel has bpf_loop(). The verifier follows every iteration of the other loop: each
 * instruction in it adds a millisecond to loading the programs (on Linux 6.18).
 */
static __always_inline void adopt_queue(struct sock *listener, const struct process *p,
					bool has_loops)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(listener);
	struct queue_walk walk = {
		.first =
			{
				.start_ns = bpf_ktime_get_boot_ns(),
				.flags = ADOPTED,
				.direction = DIRECTION_IN,
			},
	};

	if (!tp)
		return;
	note_namespace(tp);
	set_owner(&walk.first, listener, p);
	walk.next = tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	if (has_loops) {
		bpf_loop(QUEUE_LENGTH, adopt_next_child, &walk, 0);
		return;
	}
	for (int i = 0; i < QUEUE_LENGTH; i++)
		if (adopt_child(&walk))
			break;
}

/*
 * A listener from before the start. False: it is known. One whose owner has exited, as the parent of a
 * daemon does, gets this one.
 */
static __always_inline bool adopt_listener(struct sock *sk, const struct process *p, __u64 cookie)
{
	__u64 key = (__u64)sk;
	struct listener l = {.owner = *p, .cookie = cookie};
	struct listener *known = bpf_map_lookup_elem(&listeners, &key);
	__u32 gone = READ_ONCE(gone_owner);

	if (known) {
		if (!known->cookie) /* adopted by a scan that could only read it */
			known->cookie = cookie;
		if (gone && p->pid && known->owner.pid == gone)
			known->owner = *p;
		return false;
	}
	bpf_map_update_elem(&listeners, &key, &l, 0);
	return true;
}

/* The same of an accept queue that can only be read. */
struct queue_reading {
	struct request_sock *next;
	struct note note;
};

static long note_next_child(__u32 index, struct queue_reading *reading)
{
	struct request_sock *req = reading->next;
	struct sock *child = req ? BPF_CORE_READ(req, sk) : NULL;
	__u64 key = (__u64)child;

	if (!child)
		return 1;
	reading->note.cookie = BPF_CORE_READ(child, __sk_common.skc_cookie.counter);
	bpf_map_update_elem(&notes, &key, &reading->note, 0);
	reading->next = BPF_CORE_READ(req, dl_next);
	return 0;
}

static __always_inline void note_queue(struct sock *listener, const struct process *p)
{
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)listener;
	struct queue_reading reading = {.note.owner = *p};

	reading.next = BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head);
	bpf_loop(QUEUE_LENGTH, note_next_child, &reading, 0);
}

/* A process as a holder of the listener of a socket's port. */
static __always_inline struct port_holder port_holder_of(struct sock *sk, struct task_struct *task)
{
	struct port_holder key = {
		.netns = netns_of(&sk->__sk_common),
		.pid = task->tgid,
		.lport = sk->__sk_common.skc_num,
	};

	return key;
}

/*
 * True if a file that an iterator visits is open once only, so that no other process holds it: then
 * nothing needs to be kept to compare holders. The iterator has a reference, too, and f_ref counts from 0.
 */
static __always_inline bool is_open_once(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return file->f_ref.refcnt.counter == 1;
	return bpf_core_field_exists(file->f_count) && file->f_count.counter == 2;
}

/*
 * Of several processes that hold a socket, its owner is the one that holds the listener of its
 * port, too; else the oldest. The others have inherited the descriptor. `owner` is the evidence so far.
 */
static __always_inline bool is_best_holder(struct sock *sk, struct task_struct *task, __u8 owner)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u64 key = (__u64)sk;
	struct port_holder listener = port_holder_of(sk, task);
	struct holder now = {
		.start_ns = BPF_CORE_READ(leader, start_time),
		.pid = task->tgid,
		.listens = !!bpf_map_lookup_elem(&port_holders, &listener),
	};
	const struct holder *best = bpf_map_lookup_elem(&holders, &key);

	/* forked since, by a process that was the only one to hold it when it was visited */
	if (!best && owner == OWNER_SCAN && now.start_ns > scan_began_ns)
		return false;
	if (best && (best->listens > now.listens ||
		     (best->listens == now.listens && best->start_ns <= now.start_ns)))
		return false;
	bpf_map_update_elem(&holders, &key, &now, 0);
	return true;
}

/* The IP socket of an open file, if it is one. */
static __always_inline struct sock *inet_sock_of(struct file *file)
{
	struct socket *sock = file ? bpf_sock_from_file(file) : NULL;
	struct sock *sk = sock ? sock->sk : NULL;

	if (!sk ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return NULL;
	return sk;
}

/* A session that can only be read: note who holds it. */
static __always_inline void note_holder(struct sock *sk, struct task_struct *task,
					struct file *file)
{
	__u64 key = (__u64)sk;
	const struct note *before = bpf_map_lookup_elem(&notes, &key);
	bool is_scanned = before && before->owner.evidence == OWNER_SCAN;
	struct note note = {.cookie = cookie_of(sk)};

	if (!is_open_once(file) && !is_best_holder(sk, task, is_scanned ? OWNER_SCAN : OWNER_NONE))
		return;
	describe(&note.owner, task, OWNER_SCAN);
	bpf_map_update_elem(&notes, &key, &note, 0);
}

/* How a scan reaches sockets: see adopt_queue() and only_reads_files. */
enum scan_way {
	WITH_LOOPS,
	UNROLLED,
	READING,
};

static __always_inline int scan_file(struct bpf_iter__task_file *ctx, enum scan_way way)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk = inet_sock_of(file);
	struct sock_state *st;
	struct process p;
	__u64 key;
	__u8 state;

	if (ctx->meta->seq_num == 0)
		scan_began_ns = bpf_ktime_get_ns();
	if (!task || !file || !sk)
		return 0;
	state = sk->__sk_common.skc_state;
	if (sk->sk_protocol == IPPROTO_MPTCP) {
		const struct process *known;

		key = (__u64)sk;
		known = bpf_map_lookup_elem(&mptcp_owners, &key);
		if (scan_pass == 0 || (known && known->evidence > OWNER_SCAN) ||
		    !is_best_holder(sk, task, OWNER_NONE))
			return 0;
		describe(&p, task, OWNER_SCAN);
		bpf_map_update_elem(&mptcp_owners, &key, &p, 0);
		return 0;
	}
	if (sk->sk_protocol != IPPROTO_TCP || state == TCP_CLOSE)
		return 0;
	if (state == TCP_LISTEN) {
		struct port_holder listener = port_holder_of(sk, task);

		if (scan_pass != 0)
			return 0;
		bpf_map_update_elem(&port_holders, &listener, &listener.pid, 0);
		/* prefork: the first process found, the master, counts as the owner */
		describe(&p, task, OWNER_LISTEN);
		if (way == READING) {
			if (adopt_listener(sk, &p, cookie_of(sk)))
				note_queue(sk, &p);
		} else if (adopt_listener(sk, &p, bpf_get_socket_cookie(sk))) {
			adopt_queue(sk, &p, way == WITH_LOOPS);
		}
		return 0;
	}
	if (scan_pass == 0)
		return 0;
	if (way == READING) {
		note_holder(sk, task, file);
		return 0;
	}
	st = state_of(sk);
	if (!st)
		st = adopt(sk, bpf_skc_to_tcp_sock(sk), state);
	if (st && !(st->flags & UNCONFIRMED) && st->owner <= OWNER_SCAN &&
	    (is_open_once(file) || is_best_holder(sk, task, st->owner))) {
		describe(&p, task, OWNER_SCAN);
		set_owner(st, sk, &p);
	}
	return 0;
}

/*
 * Finds which process holds which TCP socket: at the start for preexisting sockets, later for those
 * of which only the listener is known. Runs twice: first for listeners, then for sessions.
 */
SEC("?iter/task_file")
int scan_files(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, WITH_LOOPS);
}

/* The same before Linux 5.17. */
SEC("?iter/task_file")
int scan_files_unrolled(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, UNROLLED);
}

/* The same where the socket of an open file can only be read. */
SEC("?iter/task_file")
int scan_files_reading(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, READING);
}

/* Finds all processes that have a descriptor of one session, and the network namespace of each. */
SEC("iter/task_file")
int find_holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = inet_sock_of(ctx->file);
	struct holder_record r = {};

	if (!task)
		return 0;
	r.holds = sk && sk->sk_protocol == IPPROTO_TCP && cookie_of(sk) == wanted_cookie;
	if (!r.holds && !wanted_pid)
		return 0;
	r.pid = visible_pid(task);
	if (!r.holds && r.pid != wanted_pid)
		return 0;
	r.netns = task_netns(task);
	read_name(r.comm, task);
	/* a record that does not fit is discarded, and the program runs again for it */
	if (bpf_seq_write(ctx->meta->seq, &r, sizeof(r)) == 0 && !r.holds)
		wanted_pid = 0;
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
	struct process p = {.evidence = OWNER_NONE};
	struct process *known;
	struct sock_state *st;
	struct sock *sk;
	__u64 mptcp;
	bool is_join;
	__u8 state;

	WRITE_ONCE(scanner_tid, bpf_get_current_task_btf()->pid);
	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc); /* null for request and TIME_WAIT sockets */
	if (!tp)
		return 0;
	sk = sock_of(tp);
	state = sk->__sk_common.skc_state;
	if (state == TCP_LISTEN) {
		mptcp = mptcp_of(tp, &is_join);
		known = mptcp ? bpf_map_lookup_elem(&mptcp_owners, &mptcp) : NULL;
		if (known) {
			p = *known;
			p.evidence = OWNER_LISTEN;
		}
		adopt_listener(sk, &p, bpf_get_socket_cookie(sk));
	} else if (state != TCP_CLOSE) {
		st = state_of(sk) ?: adopt(sk, tp, state);
		if (st && only_reads_files) {
			take_note(st, sk, false);
			bpf_get_socket_cookie(sk);
		}
	}
	return 0;
}

#endif
