//go:build !race

package instance

// ordersOfOperations is how many random orders of operations are tried.
const ordersOfOperations = 100
