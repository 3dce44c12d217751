//go:build race

package instance

// ordersOfOperations is how many random orders of operations are tried. The race detector makes each several times as slow, and needs fewer.
const ordersOfOperations = 25
