package sale

// PressLimit is how often the button of a sale may be pressed: so many presses a second on average, and a burst of them at once
// after a rest. Each process takes its share of them.
type PressLimit struct {
	// AccountRate and AccountBurst are for one account.
	AccountRate, AccountBurst int64
	// NetworkRate and NetworkBurst are for all accounts behind one network: an IPv4 address, or the /64 of an IPv6 address.
	NetworkRate, NetworkBurst int64
}

// MaxPressLimit is the highest that each number of a PressLimit can be; the lowest is 1.
const MaxPressLimit = 1_000_000

// UsualPressLimit is that of a new sale, as the table sales has it. Forty shoppers behind one address can press six times at once.
func UsualPressLimit() PressLimit {
	return PressLimit{AccountRate: 2, AccountBurst: 10, NetworkRate: 50, NetworkBurst: 250}
}

// PressBudget says whose presses were counted.
type PressBudget byte

// The budgets of presses: that of the account, or that of the network or what is around it.
const (
	PressesOfAccount PressBudget = iota
	PressesOfNetwork
)
