//go:build !race

package checkout

// batches of scripts, a hundred each: 10,000, about 30 seconds of one core.
const batches = 100
