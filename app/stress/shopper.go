package stress

import (
	"math/rand/v2"
	"slices"
	"time"
)

// receipt is the proof of a purchase as a shopper has it.
type receipt struct {
	ID   string `json:"purchaseId"`
	Unit int64  `json:"unit"`
}

// shopper remembers everything that one shopper was told. Only one goroutine acts as a shopper at a time.
type shopper struct {
	name string
	// account is who presses outside demo mode; nil in demo mode, where a name is enough.
	account *Account
	random  *rand.Rand
	// receipts are all different ones, in the order in which they were first seen.
	receipts []receipt
	// inherited is a 200 to the first press: a purchase that this shopper did not make.
	inherited bool
	presses   int
	// refusal is the type of the last problem; empty after a receipt.
	refusal string
	// due is when a shopper who comes at a rate makes the first press; zero for all others and all later presses.
	due time.Time
	// unsettled means that the last press had no final answer.
	unsettled bool
}

func newShopper(n int, seed int64) *shopper {
	return &shopper{name: string(AppendShopper(nil, n)), random: rand.New(rand.NewPCG(uint64(seed), uint64(n)))}
}

// keep remembers a receipt.
func (s *shopper) keep(r receipt) {
	s.refusal, s.unsettled = "", false
	if !slices.Contains(s.receipts, r) {
		s.receipts = append(s.receipts, r)
	}
}

func (s *shopper) refused(kind string) { s.refusal, s.unsettled = kind, false }
