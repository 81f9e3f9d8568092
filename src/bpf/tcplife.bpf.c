// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Follows every TCP session of the host: one record in the ring buffer when it closes, its figures
 * on demand while it is open.
 *
 * BTF tracepoints and iterators only. They need no more than CAP_BPF and CAP_PERFMON, and load
 * with lockdown=integrity.
 *
 * State is kept in socket storage: it is created and freed with the socket, and is not confused by
 * a reused address. A listener has none, and storage is not cloned into its children: storage is
 * charged to the option memory of a socket (net.core.optmem_max), and where that is too small for a
 * clone, the kernel refuses the child. A child leads to its listener at the moment of its creation:
 * see listener_of().
 *
 * The owner is the best evidence, never a guess:
 *   connect   the task that sent the SYN
 *   read      the last task that read from an accepted socket
 *   write     the last task that wrote to one that nobody has read from
 *   close     the task that closed or shut it down
 *   scan      a task that held the descriptor when the tables were scanned
 *   kernel    a kernel thread that opened it or reads from it
 *   listen    the task that listens, for a child that nobody has touched yet
 * A task counts only when it holds the socket lock (sk_lock.owned). In softirq context the current
 * task is the interrupted one, and there the lock is not owned: packets for an owned socket wait in
 * its backlog, which the owner itself processes.
 *
 * connect is never overwritten. When a process connects and its child reads, the session is the
 * parent's: users look for the process that decided to talk to a peer, and that does not change
 * while they look. A kernel thread that closes does not count: it cleans up after a process
 * (deferred closing, io_uring's files, descriptors lost in a Unix socket). Nor does one that writes:
 * it may finish what a process began (kTLS, a sockmap). One that connects or reads is a user of its
 * own, such as nfsd, as long as no process holds the socket.
 *
 * MPTCP subflows are TCP sockets and what is on the wire, and are shown as such. All of them but the
 * first are opened on behalf of the process that has the MPTCP socket, and belong to it.
 */
#include "state.bpf.h"
#include "owner.bpf.h"
#include "turns.bpf.h"
#include "record.bpf.h"
#include "scan.bpf.h"
#include "slow.bpf.h"
#include "listeners.bpf.h"
#include "snapshot.bpf.h"
#include "drops.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Exported so that their types reach the skeleton. */
const struct session_record *unused_session_record __attribute__((unused));
const struct new_cgroup *unused_new_cgroup __attribute__((unused));
const struct holder_record *unused_holder_record __attribute__((unused));
const struct drop_key *unused_drop_key __attribute__((unused));
const struct drop_count *unused_drop_count __attribute__((unused));
const enum drop_direction *unused_drop_direction __attribute__((unused));
const struct listener *unused_listener __attribute__((unused));
const struct followed *unused_followed __attribute__((unused));
const enum owner_evidence *unused_owner_evidence __attribute__((unused));
const enum direction *unused_direction __attribute__((unused));
const enum age *unused_age __attribute__((unused));

/* listen(). A listener is no session; one that was a session has been reported. */
static __always_inline void handle_listen(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct listener l = {};

	if (!sk->sk_lock.owned)
		return;
	describe(&l.owner, bpf_get_current_task_btf(), OWNER_LISTEN);
	l.cookie = bpf_get_socket_cookie(sk);
	bpf_map_update_elem(&listeners, &key, &l, 0);
}

/* A control group may be gone when its last session closes: the collector looks it up at once. */
static __always_inline void note_cgroup(struct tcp_sock *tp)
{
	__u64 cgroup = cgroup_of(sock_of(tp));
	struct new_cgroup *r;
	__u8 yes = 1;

	if (!cgroup || cgroup == READ_ONCE(last_cgroup))
		return;
	if (bpf_map_lookup_elem(&seen_cgroups, &cgroup)) {
		WRITE_ONCE(last_cgroup, cgroup);
		return;
	}
	r = bpf_ringbuf_reserve(&sessions, sizeof(*r), 0);
	if (!r)
		return;
	r->none = 0;
	r->cgroup = cgroup;
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
	bpf_map_update_elem(&seen_cgroups, &cgroup, &yes, 0);
}

/* The state of a new session. */
static __always_inline struct sock_state *new_state(struct sock *sk, struct tcp_sock *tp,
						    __u8 direction, __u8 flags)
{
	struct sock_state *st;

	st = bpf_sk_storage_get(&states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) {
		WRITE_ONCE(was_short_of_memory, 1);
		return NULL;
	}
	st->direction = direction;
	st->flags = flags;
	st->established_ns = 0;
	st->closing_ns = 0;
	st->start_ns = bpf_ktime_get_boot_ns();
	st->owner = OWNER_NONE;
	st->pid = 0;
	st->renamed = 0;
	st->seen = 0;
	__builtin_memset(st->comm, 0, sizeof(st->comm));
	__builtin_memset(st->retrans, 0, sizeof(st->retrans));
	st->retrans_seen = 0;
	/* a socket that is connected again keeps the state of its earlier session */
	forget_turns(st);
	note_cgroup(tp);
	note_namespace(tp);
	if (only_reads_files) /* dump_read_sessions cannot make one */
		bpf_get_socket_cookie(sk);
	return st;
}

/* Keeps the owner of the first subflow of an MPTCP socket for those that follow. */
static __always_inline void keep_mptcp_owner(__u64 mptcp, const struct sock_state *st)
{
	struct process p = {};

	if (st) {
		p.pid = st->pid;
		p.evidence = st->owner;
		__builtin_memcpy(p.comm, st->comm, sizeof(p.comm));
	}
	/* an unknown one, too: it replaces that of an earlier MPTCP socket at this address */
	bpf_map_update_elem(&mptcp_owners, &mptcp, &p, 0);
}

/* connect() */
static __always_inline void handle_connect(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sock_state *st;
	bool is_join;
	__u64 mptcp;

	if (!tp)
		return;
	st = new_state(sk, tp, DIRECTION_OUT, 0);
	mptcp = mptcp_of(tp, &is_join);
	if (st && is_join) /* on behalf of the socket's owner: a kernel thread, or `ip mptcp` */
		set_mptcp_owner(st, tp);
	else if (st)
		set_owner_current(st, sk, OWNER_CONNECT);
	if (mptcp && !is_join)
		keep_mptcp_owner(mptcp, st);
}

/*
 * The address of the listener of a socket that was just made. The child is a copy of the listener
 * (net/core/sock.c, sock_copy), and one of its lists is still the listener's, which is empty: its
 * head points to itself. The child's own is made later (net/ipv4/tcp_minisocks.c,
 * tcp_create_openreq_child).
 */
static __always_inline __u64 listener_of(struct tcp_sock *child)
{
	const struct tcp_sock *none = NULL;

	return (__u64)child->tsorted_sent_queue.next -
	       (__u64)__builtin_preserve_access_index(&none->tsorted_sent_queue);
}

/* A listener has made a child. */
static __always_inline void handle_child(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sock_state *st;
	struct listener *l;
	__u64 listener;

	if (!tp)
		return;
	listener = listener_of(tp);
	l = bpf_map_lookup_elem(&listeners, &listener);
	if (l)
		__sync_fetch_and_add(&l->established, 1);
	st = new_state(sk, tp, DIRECTION_IN, UNCONFIRMED);
	if (st && l)
		set_owner(st, sk, &l->owner);
}

/* The handshake is complete. */
static __always_inline void handle_established(struct sock *sk, int oldstate)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool is_join = false;
	__u64 mptcp = 0;

	if (!tp)
		return;
	if (oldstate == TCP_SYN_RECV)
		mptcp = mptcp_of(tp, &is_join);
	if (!st) {
		/*
		 * From SYN_SENT: open before the start, so not new. From SYN_RECV: a child, but no
		 * program was run when it was made.
		 */
		if (oldstate != TCP_SYN_RECV)
			return;
		st = new_state(sk, tp, DIRECTION_IN, 0);
	}
	if (mptcp && !is_join)
		keep_mptcp_owner(mptcp, st);
	if (!st)
		return;
	if (is_join)
		set_mptcp_owner(st, tp);
	if (oldstate == TCP_SYN_SENT && BPF_CORE_READ_BITFIELD(tp, repair))
		st->flags |= NO_SYN;
	begin_turns(st, tp);
	st->flags &= ~UNCONFIRMED;
	/* SYNs and answers to them are repeated by the timer alone; the latter run no program */
	if (!(st->flags & ADOPTED))
		count_retransmits(st, tp, RETRANS_TIMEOUT);
	if (!st->established_ns)
		st->established_ns = bpf_ktime_get_boot_ns();
}

/* A FIN, from the peer (TCP_CLOSE_WAIT) or from us. */
static __always_inline void handle_fin(struct sock *sk, int oldstate, int newstate)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp;

	if (!st)
		return;
	st->flags &= ~UNCONFIRMED;
	if (!st->closing_ns && oldstate != TCP_CLOSE_WAIT)
		st->closing_ns = bpf_ktime_get_boot_ns();
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

	if (oldstate == TCP_LISTEN) {
		__u64 listener = (__u64)sk;

		bpf_map_delete_elem(&listeners, &listener);
		return;
	}
	if (!tp)
		return;
	st = state_of(sk);
	if (st) { /* if not, it was open before the start, or there was no memory for a state */
		if (!st->start_ns) /* reported already */
			return;
		if (st->flags & UNCONFIRMED) {
			/*
			 * Two packets of one handshake on two processors create two children, and
			 * one is discarded (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock): it never
			 * was a session.
			 */
			if (oldstate == TCP_SYN_RECV && !tp->fastopen_rsk)
				return;
			st->flags &= ~UNCONFIRMED;
		}
		/*
		 * The peer has closed after us, and what it sent is still to be read: it is
		 * reported before that.
		 */
		if (oldstate == TCP_FIN_WAIT2 && tp->rcv_nxt - tp->copied_seq > 1)
			follow_read(st, tp);
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
	case TCP_LISTEN:
		handle_listen(sk);
		break;
	case TCP_SYN_SENT:
		handle_connect(sk);
		break;
	case TCP_SYN_RECV:
		if (oldstate == TCP_LISTEN)
			handle_child(sk);
		break;
	case TCP_ESTABLISHED:
		handle_established(sk, oldstate);
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
 * which changes nothing that has a state. A note of an earlier transition is never mistaken for the
 * current one: the first program begins by removing it.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	volatile struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (!f)
		return 0;
	f->sk = 0;
	f->running = 1;
	handle_transition(sk, oldstate, newstate);
	f->running = 0;
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
	else {
		if (f->running)
			__sync_fetch_and_add(&made_good, 1);
		handle_transition(sk, oldstate, newstate);
	}
	return 0;
}

/* Runs in the context of the task that reads from the socket, after every read that took data. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	struct sock_state *st = state_of(sk);
	struct tcp_sock *tp;

	if (!st || !sk->sk_lock.owned)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp) {
		follow_read(st, tp);
		/* shut down, not closed: a process still reads, so this data does not follow a close */
		if (sk->__sk_common.skc_state == TCP_FIN_WAIT1)
			st->data_segs = tp->data_segs_in;
	}
	if (st->flags & UNCONFIRMED) /* fast open: data before the handshake is complete */
		st->flags &= ~UNCONFIRMED;
	set_owner_current(st, sk, OWNER_READ);
	return 0;
}

/* Each run takes time from a sender, so the collector detaches the program where there are many. */
static __always_inline void count_write(void)
{
	struct followed *f = bpf_map_lookup_elem(&followed, &(__u32){0});

	if (f)
		f->writes++;
}

/*
 * A task is about to write to the socket, whose lock it holds (Linux 6.16): once for each piece of
 * the data. That is often, and most sessions have better evidence by then and are not answering, so
 * this is seen first.
 */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_write, struct sock *sk)
{
	struct sock_state *st;

	count_write();
	st = state_of(sk);
	if (!st)
		return 0;
	if (st->flags & MAY_ANSWER)
		follow_write(st, bpf_skc_to_tcp_sock(sk));
	if (st->owner > OWNER_WRITE)
		return 0;
	st->flags &= ~UNCONFIRMED; /* fast open, as in on_read */
	set_owner_current(st, sk, OWNER_WRITE);
	return 0;
}

/*
 * A task has written to a socket of any kind, and has released its lock (Linux 6.3). Used only where
 * there is no on_write. What another processor finds out about the owner at this moment may be lost
 * until its next evidence. A session is not confirmed here, as in on_write: that takes the lock.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_write_done, struct sock *sk, int result)
{
	struct sock_state *st;

	count_write();
	if (result <= 0 || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	st = state_of(sk);
	if (st && st->owner <= OWNER_WRITE)
		set_owner_task(st, sk, OWNER_WRITE);
	return 0;
}
