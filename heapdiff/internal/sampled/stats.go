package sampled

import "math"

// Interval returns the exact (Garwood 1936) two-sided interval for the mean of a
// Poisson variable that was seen as k, at the given confidence, such as 0.95.
func Interval(k int64, confidence float64) (lo, hi float64) {
	tail := (1 - confidence) / 2
	if k > 0 {
		// The mean at which k or more would be seen with the tail's probability.
		lo = solve(func(m float64) float64 { return 1 - poissonCDF(k-1, m) - tail }, float64(k))
	}
	hi = solve(func(m float64) float64 { return tail - poissonCDF(k, m) }, float64(k))
	return lo, hi
}

// solve finds the zero of an increasing function at or above 0, by bisection
// from a guess of its size.
func solve(f func(float64) float64, guess float64) float64 {
	lo, hi := 0.0, guess+1
	for f(hi) < 0 {
		hi *= 2
	}
	for range 200 {
		mid := (lo + hi) / 2
		if mid == lo || mid == hi {
			break
		}
		if f(mid) < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// poissonCDF is the probability of k or fewer events of a Poisson mean. It is
// the regularized upper incomplete gamma function Q(k+1, mean).
func poissonCDF(k int64, mean float64) float64 {
	if k < 0 {
		return 0
	}
	if mean <= 0 {
		return 1
	}
	return gammaQ(float64(k)+1, mean)
}

// gammaQ is the regularized upper incomplete gamma function, by its series below
// a+1 and its continued fraction (Lentz) above, as in Numerical Recipes 6.2.
func gammaQ(a, x float64) float64 {
	lg, _ := math.Lgamma(a)
	front := math.Exp(-x + a*math.Log(x) - lg)
	const eps = 1e-15
	if x < a+1 {
		sum, term := 1/a, 1/a
		for n := 1; n < 100000 && term > sum*eps; n++ {
			term *= x / (a + float64(n))
			sum += term
		}
		return 1 - sum*front
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for n := 1; n < 100000; n++ {
		an := -float64(n) * (float64(n) - a)
		b += 2
		d = 1 / nonZero(an*d+b, tiny)
		c = nonZero(b+an/c, tiny)
		h *= d * c
		if math.Abs(d*c-1) < eps {
			break
		}
	}
	return front * h
}

func nonZero(v, tiny float64) float64 {
	if math.Abs(v) < tiny {
		return tiny
	}
	return v
}

// BinomialTail returns the probability of x or more heads in n throws of a coin
// with heads of probability p.
func BinomialTail(n, x int64, p float64) float64 {
	switch {
	case x <= 0:
		return 1
	case x > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	lgn, _ := math.Lgamma(float64(n) + 1)
	lp, lq := math.Log(p), math.Log1p(-p)
	sum := 0.0
	mode := int64(float64(n+1) * p)
	for i := x; i <= n; i++ {
		a, _ := math.Lgamma(float64(i) + 1)
		b, _ := math.Lgamma(float64(n-i) + 1)
		term := math.Exp(lgn - a - b + float64(i)*lp + float64(n-i)*lq)
		sum += term
		if i > mode && term < sum*1e-17 {
			break
		}
	}
	return min(sum, 1)
}
