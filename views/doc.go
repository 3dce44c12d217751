// Package views holds the pages as templ components. Each takes plain props and draws them. What a figure means, who
// may see it and which sentence is right for which outcome is decided by app/web, so that a view can be read, tested
// and changed without knowing the domains.
//
// No component writes an inline style or script: the pages run under a policy that forbids both. The data-testid
// names are part of the product's contract. Everything works without JavaScript; htmx then swaps results in place and
// keeps the figures live.
package views

//go:generate go tool templ generate -path .
