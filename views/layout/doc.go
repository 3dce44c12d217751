// Package layout is what all pages have in common: what is loaded, the title and the header. It also has the page for a
// request that failed.
package layout
