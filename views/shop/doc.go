// Package shop holds the page of a sale as shoppers see it: the product, the live figures, the form, the answers to it,
// and, in demo mode, the list of users with the presets.
package shop
