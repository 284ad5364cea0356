// Package batch collects encoded spans until they are sent, in memory that is bounded.
//
// There are as many shards as the program has processors to run on, each with a batch of its own, so
// that goroutines which end spans at a time don't wait for one another. A batch that is full goes to
// the queue, from where one sender takes it. Every byte that batches occupy, filled or not, waiting,
// being sent or kept for later use, is reserved beforehand from one budget; a span for which nothing is
// left is dropped and counted, or waits.
package batch
