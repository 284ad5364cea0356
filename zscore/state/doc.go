// Package state keeps on disk what a daemon must not forget: incidents, silences
// and the outbox in a bbolt database, one transaction a change, and the baselines
// of its detectors in snapshots with a checksum.
//
// The two differ in what a loss means. An alert that is forgotten is never
// resolved, so the database is synced with every change. A baseline that is a
// minute old is as good as a new one, so it is written once a minute.
package state
