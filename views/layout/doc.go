// Package layout is the frame of every page: what is loaded, the title and the header, and the page for what went wrong.
package layout
