// Package conform checks that a tracer provider delivers what the official SDK delivers. The same
// program runs on both, both send to an OTLP receiver, and what arrived is compared field by field.
//
// Ids are made up by the providers, so that each is compared by what it refers to. Times that a program
// sets must be equal; those that a provider takes must lie between the program's start and end, and in
// order within a span.
//
// What differs on purpose is named in [Normalize].
package conform
