package sale

import "flashsale/events"

// The package's channels between the processes. A message that is lost is made up for by the reads of the catalog and by the look-up
// of verdicts.
const (
	salesChannel    = "sales"    // a sale changed; a message without a decision
	verdictsChannel = "verdicts" // messages with decisions
)

// bus carries hints between the processes; package events/cluster has one. Publish never waits; nobody changes a published
// decision. On and OnConnect are called before the bus runs.
type bus interface {
	On(channel string, take func(d events.Decision, err error))
	OnConnect(do func())
	Publish(channel string, d *events.Decision)
}

// noBus is a bus that nobody listens to.
type noBus struct{}

func (noBus) On(string, func(events.Decision, error)) {}

func (noBus) OnConnect(func()) {}

func (noBus) Publish(string, *events.Decision) {}

// orNoBus is b, or a bus that nobody listens to.
func orNoBus(b bus) bus {
	if b == nil {
		return noBus{}
	}
	return b
}
