// Package heapdiff tells what grew in a heap between two or more snapshots, who
// holds it, and whether it looks like a leak.
//
// [Read] takes a snapshot in any known format, recognised by content, into a
// [Snapshot]: rows of classes (of stacks, for a Go profile) with their counts,
// and the objects that hold much. [Diff] sets two or more snapshots of one
// program side by side and names suspects. Package heapdiff/report renders both.
//
// Snapshots are compared by class, loader and holder path, never by address: a
// moving collector gives an object another address every time.
package heapdiff
