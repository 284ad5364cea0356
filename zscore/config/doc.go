// Package config reads what a spikewatch daemon is told to do: its inputs, rules,
// routes and receivers, in YAML. Every fault that it finds has the line it stands
// in, and it finds all of them at once.
package config
