// Package source reads the points that package zscore judges.
package source
