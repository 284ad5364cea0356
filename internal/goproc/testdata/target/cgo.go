//go:build cgo

package main

/*
#include <unistd.h>

extern void comeback(void);
static void visit(void) { comeback(); }
static void rest(void) { for (;;) pause(); }
*/
import "C"

//export comeback
func comeback() { <-never }

// extra leaves one goroutine in C, and one in Go that C called.
func extra() {
	go func() { C.visit() }()
	go func() { C.rest() }()
}
