//go:build race

package checkout

// batches of scripts, a hundred each: the race detector makes each several times as slow, and needs fewer.
const batches = 10
