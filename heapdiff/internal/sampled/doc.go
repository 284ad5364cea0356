// Package sampled reads and judges sampled heap profiles: those of Go, jemalloc
// and tcmalloc, in which each allocation is recorded with a probability that
// grows with its size.
//
// # What is counted
//
// A profile states estimates; evidence is counted in the objects that were really
// sampled. An object of size s is sampled with p = 1-exp(-s/rate), so that of an
// estimate of n objects k = n·p were seen, and k is a Poisson count. All
// intervals are exact ones for k, since a plug-in variance covers far too little
// where k is small.
//
// # How growth is judged
//
// Between two profiles some objects of a stack are gone and others are new. If
// it neither grows nor shrinks, each such change is the one or the other with the
// same chance, whatever the stack's size, so that a gain has an exact binomial
// tail. [Judge] wants a gain in the later half of the time, and wants it to go on
// at the pace of the earlier half: a cache that warms up takes in less and less.
package sampled
