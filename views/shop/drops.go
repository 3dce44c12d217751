package shop

import "flashsale/views/layout"

// Drops is the page that lists several sales. Each list is in the order in which it is shown.
type Drops struct {
	Frame            layout.Frame
	Live, Next, Past []Drop
}

// Drop is a sale as other pages show it.
type Drop struct {
	Name, Price string
	Picture     Picture
	// Path is the sale's page.
	Path string
	// Status is that of Status, and Badge its word.
	Status, Badge string
	// Starts is the start in words, StartsISO for machines.
	Starts, StartsISO string
}
