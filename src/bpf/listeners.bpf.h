// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Figures of the listening sockets.
 */
#ifndef TCPLIFE_LISTENERS_H
#define TCPLIFE_LISTENERS_H

#include "record.bpf.h"

/* What stays the same as long as a socket listens: read once. */
static __always_inline void read_place(struct listener *l, struct sock *sk)
{
	struct in6_addr addr = {};

	l->uid = BPF_CORE_READ(sk, sk_uid.val);
	l->interface = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	l->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (bpf_core_field_exists(sk->__sk_common.skc_net.net))
		l->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	l->ip = 4;
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6 &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_rcv_saddr)) {
		addr = BPF_CORE_READ(sk, __sk_common.skc_v6_rcv_saddr);
		l->v6_only = BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_ipv6only);
		if (!is_mapped(&addr))
			l->ip = 6;
	}
	if (l->ip == 4) {
		__builtin_memset(&addr, 0, sizeof(addr));
		addr.in6_u.u6_addr32[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	}
	__builtin_memcpy(l->addr, &addr, sizeof(l->addr));
}

/*
 * Reads the figures of a listener into its entry. Nothing keeps the socket from being freed
 * meanwhile, so everything is read by probe; the cookie tells whether the memory still belongs to
 * the same socket.
 */
static long read_listener(struct bpf_map *map, const __u64 *key, struct listener *l, void *unused)
{
	struct sock *sk = (struct sock *)*key;
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
	struct sock_reuseport *group;
	struct request_sock *first;
	__u64 cookie;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return 0;
	cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (!l->cookie) /* adopted by a scan that could not make one */
		l->cookie = cookie;
	if (!cookie || l->cookie != cookie)
		return 0;
	if (!l->round)
		read_place(l, sk);
	l->queue = BPF_CORE_READ(sk, sk_ack_backlog);
	l->queue_limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	l->half_open = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	l->drops = BPF_CORE_READ(sk, sk_drops.counter);
	group = BPF_CORE_READ(sk, sk_reuseport_cb);
	l->group_size = group ? BPF_CORE_READ(group, num_socks) : 0;
	l->waits = 0;
	first = l->queue ? BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head) : NULL;
	if (first) {
		/*
		 * A child has sent no data before it is accepted, so this is still the time at
		 * which its handshake was complete: net/ipv4/tcp_input.c, tcp_rcv_state_process
		 */
		struct tcp_sock *child = (struct tcp_sock *)BPF_CORE_READ(first, sk);

		l->waited = (__u32)bpf_jiffies64() - BPF_CORE_READ(child, lsndtime);
		/* accepted meanwhile, it leads nowhere */
		l->waits =
			child && BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head) == first;
	}
	l->round = READ_ONCE(listener_round);
	return 0;
}

/*
 * Reads the figures of all listeners of all network namespaces, once for each time that it is read
 * from: the kernel runs it for each map of the system, and this one is none of them.
 */
SEC("?iter/bpf_map")
int read_listeners(struct bpf_iter__bpf_map *ctx)
{
	if (ctx->meta->seq_num == 0)
		bpf_for_each_map_elem(&listeners, read_listener, NULL, 0);
	return 0;
}

#endif
