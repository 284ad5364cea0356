package source

// Histogram is how many of the measurements lay where. A cumulative one counts
// from its start, the one of a delta from the reading before.
type Histogram struct {
	Count, Sum float64
	// Buckets are in the order of their bounds and do not overlap; each has what
	// lies in it alone.
	Buckets []Bucket
}

// Bucket is the number of measurements above Lower, up to and with Upper. The
// outermost bounds may be infinite.
type Bucket struct {
	Lower, Upper float64
	Count        float64
}
