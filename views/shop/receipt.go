package shop

import "flashsale/views/layout"

// KeptReceipt is the page of one receipt, at its secret address.
type KeptReceipt struct {
	Frame layout.Frame
	// Number is the short order number, OrderID what names the order.
	Number, OrderID string
	Unit            int64
	Username        string
	Product, Price  string
	Picture         Picture
	Bought          Moment
	// Cancelled is when the order was taken back; the zero value: it was not.
	Cancelled Moment
	// Next is what happens now, Important what the product's seller says besides.
	Next      []string
	Important []string
	// Address is the absolute address of this page, Code the same as a QR code, and Calendar where its calendar entry is.
	Address  string
	Code     Code
	Calendar string
}

// Moment is a time in words, in UTC, and for machines. A script shows it in the reader's zone.
type Moment struct{ Text, ISO string }

// Code is a QR code, drawn as one path of squares whose side is 1. It is Size squares wide and high, without its rim.
type Code struct {
	Size int
	Path string
}

// rim is how many squares around a QR code stay white, or no camera finds it.
const rim = 4
