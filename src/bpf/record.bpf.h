// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is reported of a session: the capture filter, the figures of a record, and the record of one
 * that has closed.
 */
#ifndef TCPLIFE_RECORD_H
#define TCPLIFE_RECORD_H

#include "state.bpf.h"
#include "owner.bpf.h"
#include "turns.bpf.h"

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

static __always_inline __u8 ip_version(struct sock *sk)
{
	struct sock_common *skc = &sk->__sk_common;

	if (bpf_core_field_exists(skc->skc_v6_daddr) && skc->skc_family == AF_INET6 &&
	    !is_mapped(&skc->skc_v6_daddr))
		return 6;
	return 4;
}

/* Before Linux 5.15 this was a tagged word, which cgroup v1 may have claimed. */
static __always_inline __u64 cgroup_of(struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return 0;
	return sk->sk_cgrp_data.cgroup->kn->id;
}

/* Data waits, and the peer's receive buffer has no room for it. */
static __always_inline bool is_peer_window_zero(struct tcp_sock *tp, __u8 state)
{
	return state != TCP_SYN_SENT && state != TCP_SYN_RECV && !tp->snd_wnd &&
	       tp->write_seq != tp->snd_una;
}

/* The peer may send nothing: our receive buffer is full (include/net/tcp.h, tcp_receive_window). */
static __always_inline bool is_our_window_zero(struct tcp_sock *tp, __u8 state)
{
	bool receives =
		state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2;

	return receives && (__s32)(tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt) <= 0;
}

/* All but the cookie, which a socket that can only be read may lack, and what the caller has set. */
static __always_inline void fill_record(struct session_record *r, struct tcp_sock *tp,
					const struct sock_state *st, __u64 now)
{
	struct sock *sk = sock_of(tp);
	struct sock_common *skc = &sk->__sk_common;
	const __u8 *first_name = NULL;
	__u64 key = (__u64)sk;
	__u32 chrono_type;

	r->taken_ns = now;
	r->cgroup = cgroup_of(sk);
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
	/* the kernel binds a session with a link-local peer, too: net/ipv6/tcp_ipv6.c */
	r->interface = skc->skc_bound_dev_if;
	r->peer_window_zero = is_peer_window_zero(tp, r->state);
	r->our_window_zero = is_our_window_zero(tp, r->state);
	r->seen = st ? st->seen : 0;
	r->pad = 0;
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
	/* accept() gives it a struct socket, which close() takes away again (sock_orphan) */
	r->accepted = sk->sk_socket || r->orphan;
	r->repair = BPF_CORE_READ_BITFIELD(tp, repair);
	if (st) {
		r->start_ns = st->start_ns;
		r->established_ns = st->established_ns;
		r->closing_ns = st->closing_ns;
		r->pid = st->pid;
		r->owner = st->owner;
		r->direction = st->direction;
		r->age = st->flags & ADOPTED ? AGE_LOWER_BOUND : AGE_EXACT;
		r->no_syn = !!(st->flags & NO_SYN);
		__builtin_memcpy(r->comm, st->comm, sizeof(r->comm));
		__builtin_memcpy(r->retrans, st->retrans, sizeof(r->retrans));
		fill_turns(r, tp, st);
		if (st->renamed)
			first_name = bpf_map_lookup_elem(&first_names, &key);
	} else {
		r->start_ns = 0;
		r->established_ns = 0;
		r->closing_ns = 0;
		r->pid = 0;
		r->owner = OWNER_NONE;
		r->direction = DIRECTION_UNKNOWN;
		/* open before the start, unless its state is missing for lack of memory */
		r->age = READ_ONCE(was_short_of_memory) ? AGE_UNKNOWN : AGE_LOWER_BOUND;
		r->no_syn = 0;
		__builtin_memset(r->retrans, 0, sizeof(r->retrans));
		__builtin_memset(r->comm, 0, sizeof(r->comm));
		__builtin_memset(&r->turns, 0, sizeof(r->turns));
	}
	if (first_name)
		__builtin_memcpy(r->first_comm, first_name, sizeof(r->first_comm));
	else
		__builtin_memset(r->first_comm, 0, sizeof(r->first_comm));
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

	if (st) {
		take_note(st, sk, false);
		set_mptcp_owner(st, tp);
	}
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
		r->cookie = bpf_get_socket_cookie(sk);
		fill_record(r, tp, st, bpf_ktime_get_boot_ns());
		if (only_reads_files) {
			__u64 cookie = r->cookie;
			const __u8 *number = bpf_map_lookup_elem(&read_snapshots, &cookie);

			if (number)
				r->seen = *number << 1;
		}
		/*
		 * Data for a process that has closed: the kernel resets, and notes the same error
		 * as for a reset by the peer (tcp_rcv_state_process, TCPABORTONDATA).
		 */
		if (st && oldstate == TCP_FIN_WAIT1 && r->err == ECONNRESET && r->orphan)
			r->data_after_close = st->data_segs != (__u16)tp->data_segs_in;
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
	} else if (r) {
		__sync_fetch_and_add(&no_memory, 1);
	}
	if (r)
		bpf_ringbuf_submit(r, get_wakeup_flags());
}

#endif
