// Package ebpfprobe measures where the time of every command of a Redis, Valkey
// or KeyDB server goes, from outside the server: how long a request lay in the
// socket before the event loop read it, how long the loop took to serve it, and
// who held the loop meanwhile. Neither the server nor its clients are changed or
// restarted.
//
// It works on Linux, by programs in the kernel at three tracepoints of sockets:
// sk_data_ready, sock_recv_length and sock_send_length (Linux 6.3), which need
// CAP_BPF and CAP_PERFMON. Elsewhere the package builds, and [Start] returns an
// [Unavailable] error.
//
//	p, err := ebpfprobe.Start(ctx, ebpfprobe.Config{Ports: []int{6379}})
//	if err != nil {
//		return err
//	}
//	defer p.Close()
//	time.Sleep(10 * time.Second)
//	r, err := p.Report()
//
// What is in the report, and how it is written as text, JSON and HTML, is in
// package report.
package ebpfprobe
