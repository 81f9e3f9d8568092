// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TCP packets that the kernel throws away, by reason, direction and ends. The program runs for every
 * dropped packet of the host, so it leaves at once what is not TCP or has no reason.
 *
 * A packet is followed only through pointers read by probe: it may be in any state, and the members
 * of struct sk_buff share memory with others.
 */
#ifndef TCPLIFE_DROPS_H
#define TCPLIFE_DROPS_H

#include "state.bpf.h"

/* Names in `enum skb_drop_reason`, whose numbers differ from kernel to kernel: set before loading. */
const volatile __u32 no_reason = 2; /* NOT_SPECIFIED, and what is not above it */
const volatile __u32 no_socket = 3; /* NO_SOCKET */
const volatile __u8 has_receiver; /* 1: the event has the receiving socket (Linux 6.11) */

/*
 * Two maps, so that a flood of packets that no session has does not fill the place of those that one
 * has. The collector removes entries that no longer change.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DROP_ENTRIES);
	__type(key, struct drop_key);
	__type(value, struct drop_count);
} session_drops SEC(".maps"), other_drops SEC(".maps");

__u64 drops_not_kept; /* dropped packets that found their map full */
__u32 has_new_drops; /* set here, cleared by the collector */

/* What a dropped packet shows. */
struct dropped {
	struct sock_common *sk; /* its sender, or receiver; may be null */
	bool is_full; /* sk is a socket with a session */
	bool is_listener;
	__u16 sport;
	__u16 dport;
	__u8 flags; /* of the TCP header */
};

/* The inode of a namespace. A number that none has: it was read through a member used otherwise. */
static __always_inline __u32 checked_netns(const possible_net_t *at)
{
	struct net *net;
	__u32 inum;

	if (!bpf_core_field_exists(((possible_net_t *)0)->net))
		return 0;
	net = BPF_CORE_READ(at, net);
	inum = BPF_CORE_READ(net, ns.inum);
	return inum >= LEAST_NETNS ? inum : 0;
}

/* The route of a packet; null: it has none yet. */
static __always_inline struct dst_entry *route_of(struct sk_buff *skb)
{
	struct dst_entry *dst = (void *)(skb->_skb_refdst & ~SKB_DST_NOREF);

	if (dst && BPF_CORE_READ(dst, flags) & DST_METADATA)
		return NULL;
	return dst;
}

/* A received packet whose route leads to another host. */
static __always_inline bool is_forwarded(const struct dst_entry *dst, __u8 ip)
{
	if (!dst)
		return false;
	if (ip == 4)
		return !(BPF_CORE_READ((const struct rtable *)dst, rt_flags) &
			 (RTCF_LOCAL | RTCF_BROADCAST | RTCF_MULTICAST));
	return !(BPF_CORE_READ((const struct rt6_info *)dst, rt6i_flags) & RTF_LOCAL);
}

/* Reads the socket of a packet. */
static __always_inline void read_socket(struct dropped *d, struct sock_common *sk)
{
	__u16 family = BPF_CORE_READ(sk, skc_family);
	__u8 state = BPF_CORE_READ(sk, skc_state);

	d->sk = sk;
	d->is_listener = sk && state == TCP_LISTEN;
	/* the others are listeners, requests, TIME_WAIT and the kernel's own senders of resets */
	d->is_full = sk && (family == AF_INET || family == AF_INET6) && state != TCP_CLOSE &&
		     state != TCP_LISTEN && state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

/* The ends of a packet that has no IP header yet: those of its socket. */
static __always_inline bool read_ends_of_socket(struct dropped *d, struct drop_key *key)
{
	struct sock_common *sk = d->sk;

	if (!d->is_full || BPF_CORE_READ((struct sock *)sk, sk_protocol) != IPPROTO_TCP)
		return false;
	key->ip = 4;
	if (bpf_core_field_exists(sk->skc_v6_daddr) && BPF_CORE_READ(sk, skc_family) == AF_INET6) {
		struct in6_addr peer;

		BPF_CORE_READ_INTO(&peer, sk, skc_v6_daddr);
		if (!is_mapped(&peer))
			key->ip = 6;
	}
	if (key->ip == 6) {
		BPF_CORE_READ_INTO(&key->laddr, sk, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&key->raddr, sk, skc_v6_daddr);
	} else {
		*(__be32 *)key->laddr = BPF_CORE_READ(sk, skc_rcv_saddr);
		*(__be32 *)key->raddr = BPF_CORE_READ(sk, skc_daddr);
	}
	d->sport = BPF_CORE_READ(sk, skc_num);
	d->dport = bpf_ntohs(BPF_CORE_READ(sk, skc_dport));
	d->flags = BPF_CORE_READ(sk, skc_state) == TCP_SYN_SENT ? TCPHDR_SYN : TCPHDR_ACK;
	return true;
}

static __always_inline bool read_tcp_header(struct dropped *d, const void *header)
{
	struct {
		__be16 sport, dport;
		__be32 seq, ack_seq;
		__u8 offset, flags;
	} tcp;

	if (bpf_probe_read_kernel(&tcp, sizeof(tcp), header))
		return false;
	d->sport = bpf_ntohs(tcp.sport);
	d->dport = bpf_ntohs(tcp.dport);
	d->flags = tcp.flags;
	return true;
}

/*
 * The ends of a packet by its headers, sender first. False: it is not TCP, or its TCP header is not
 * next to its IP header, as in all but the first fragment.
 */
static __always_inline bool read_ends(struct dropped *d, struct drop_key *key, const void *header,
				      __be16 protocol)
{
	if (protocol == bpf_htons(ETH_P_IP)) {
		struct {
			__u8 version_length, tos;
			__be16 length, id, fragment;
			__u8 ttl, protocol;
			__u16 checksum;
			__be32 source, dest;
		} ip;

		if (bpf_probe_read_kernel(&ip, sizeof(ip), header) || ip.protocol != IPPROTO_TCP ||
		    ip.fragment & bpf_htons(0x1fff))
			return false;
		key->ip = 4;
		*(__be32 *)key->laddr = ip.source;
		*(__be32 *)key->raddr = ip.dest;
		return read_tcp_header(d, header + (ip.version_length & 15) * 4);
	}
	if (protocol == bpf_htons(ETH_P_IPV6)) {
		struct {
			__u32 version_flow;
			__be16 length;
			__u8 next, hops;
			__u8 source[16], dest[16];
		} ip;

		if (bpf_probe_read_kernel(&ip, sizeof(ip), header) || ip.next != IPPROTO_TCP)
			return false;
		key->ip = 6;
		__builtin_memcpy(key->laddr, ip.source, sizeof(key->laddr));
		__builtin_memcpy(key->raddr, ip.dest, sizeof(key->raddr));
		return read_tcp_header(d, header + sizeof(ip));
	}
	return false;
}

/* Our end is the first of a key. */
static __always_inline void swap_ends(struct drop_key *key)
{
	__u64 *l = (__u64 *)key->laddr, *r = (__u64 *)key->raddr;

	for (int i = 0; i < 2; i++) {
		__u64 word = l[i];

		l[i] = r[i];
		r[i] = word;
	}
}

/*
 * Leaves out the port that differs from connection to connection, where there is no session to show
 * the drop with: so a port scan or a flood is one entry for each pair of address and port.
 */
static __always_inline void leave_out_port(struct drop_key *key, const struct dropped *d)
{
	bool is_syn_ack = (d->flags & (TCPHDR_SYN | TCPHDR_ACK)) == (TCPHDR_SYN | TCPHDR_ACK);

	if (d->is_full)
		return;
	if (key->is_syn || key->is_refused) {
		if (key->direction == DROP_IN)
			key->rport = 0;
		else
			key->lport = 0;
	} else if (is_syn_ack && key->direction == DROP_OUT) {
		key->rport = 0;
	} else if (key->reason == no_socket || key->direction == DROP_OUT) {
		if (key->lport > key->rport)
			key->lport = 0;
		else
			key->rport = 0;
	}
}

static __always_inline void count_drop(void *map, const struct drop_key *key)
{
	struct drop_count *found = bpf_map_lookup_elem(map, key);
	__u64 now = bpf_ktime_get_boot_ns();
	struct drop_count first = {
		.packets = 1,
		.first_ns = now,
		.last_ns = now,
	};

	if (found) {
		__sync_fetch_and_add(&found->packets, 1);
		found->last_ns = now;
		return;
	}
	/* on two processors at once, one of two packets may be lost */
	if (bpf_map_update_elem(map, key, &first, BPF_NOEXIST) == 0)
		return;
	found = bpf_map_lookup_elem(map, key);
	if (found)
		__sync_fetch_and_add(&found->packets, 1);
	else
		__sync_fetch_and_add(&drops_not_kept, 1);
}

/* Not in Linux before 5.17, which gives no reasons. */
SEC("?tp_btf/kfree_skb")
int on_drop(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	__u32 reason = ctx[2];
	struct drop_key key = {};
	struct dropped d = {};
	struct dst_entry *dst;
	struct sock_common *sk;
	__be16 protocol;

	if (reason <= no_reason)
		return 0;
	protocol = skb->protocol;
	if (protocol) {
		if (!read_ends(&d, &key, skb->head + skb->network_header, protocol))
			return 0;
		sk = BPF_CORE_READ(skb, sk);
		/* by probe: it may be null although the verifier of some kernels knows better */
		if (!sk && has_receiver)
			bpf_probe_read_kernel(&sk, sizeof(sk), &ctx[3]);
		read_socket(&d, sk);
	} else {
		read_socket(&d, BPF_CORE_READ(skb, sk));
		if (!read_ends_of_socket(&d, &key))
			return 0;
	}
	key.reason = reason;
	key.lport = d.sport;
	key.rport = d.dport;
	key.is_syn = (d.flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN;
	dst = route_of(skb);
	if (!skb->skb_iif && BPF_CORE_READ(skb, sk)) {
		key.direction = DROP_OUT;
		key.netns = checked_netns(&d.sk->skc_net);
	} else {
		if (is_forwarded(dst, key.ip)) {
			key.direction = DROP_FORWARDED;
		} else {
			key.direction = DROP_IN;
			swap_ends(&key);
			key.lport = d.dport;
			key.rport = d.sport;
		}
		if (d.sk)
			key.netns = checked_netns(&d.sk->skc_net);
		if (!key.netns)
			key.netns = checked_netns(&BPF_CORE_READ(skb, dev)->nd_net);
		if (!key.netns && dst)
			key.netns = checked_netns(&BPF_CORE_READ(dst, dev)->nd_net);
	}
	key.is_refused = key.direction == DROP_IN && d.is_listener && reason == no_socket;
	leave_out_port(&key, &d);
	count_drop(d.is_full ? (void *)&session_drops : (void *)&other_drops, &key);
	if (!READ_ONCE(has_new_drops))
		WRITE_ONCE(has_new_drops, 1);
	return 0;
}

#endif
