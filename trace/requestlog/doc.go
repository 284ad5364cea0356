// Package requestlog writes one document for every request that a service serves,
// sampled or not, into a spool on disk, from where `clew ship` brings it to
// Elasticsearch or OpenSearch and `clew grep` finds it by its trace id.
//
//	log, err := requestlog.Open("/var/lib/gateway/requests")
//	if err != nil {
//		return err
//	}
//	defer log.Close(ctx)
//	server.Handler = trace.Handler(mux, trace.WithObserver(log.Observe))
//
// Observe does not wait for the disk. What cannot be kept is dropped and counted:
// in [Log.Stats], in the metric clew.requestlog.dropped, and by whoever reads the
// spool. Headers are left out unless they are asked for by name, bodies always.
// Query parameters under which credentials travel and the numbers of payment cards
// are hidden before anything is written.
//
// docs/requestlog.md has the fields and what is guaranteed.
package requestlog
