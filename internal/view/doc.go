// Package view is the page that shows traces: the newest transactions, and of
// one of them the call tree.
//
// The server renders all of it, so the page works without JavaScript; the
// script it brings fetches the same pages and puts their parts in place, which
// adds the keyboard, the live list and links that hold the state. Nothing is
// loaded from elsewhere. The pages are for the one who runs the program: they
// are served read-only, and a web page of another origin can neither read them
// nor have them framed.
//
// The same content is at /api/v1/ as JSON.
package view
