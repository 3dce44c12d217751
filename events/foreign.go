package events

// Foreign is why a record of the claims log is none of the ledger's: a stranger wrote it, or it is of another ledger. It gets no
// verdict and changes nothing. The words are those of a metric.
type Foreign string

// The reasons why a record is foreign.
const (
	// ForeignUnreadable: it is no claim.
	ForeignUnreadable Foreign = "unreadable"
	// ForeignLedger: it names another ledger, such as the one of an earlier life of the namespace.
	ForeignLedger Foreign = "other-ledger"
	// ForeignSale: there is no such sale.
	ForeignSale Foreign = "unknown-sale"
	// ForeignPartition: it is in another partition than its sale's. A copy of a claim is decided after the claim, and so changes
	// nothing, only because both are in one partition.
	ForeignPartition Foreign = "wrong-partition"
	// ForeignID: its id is not the one that the sale's secret makes of its fields.
	ForeignID Foreign = "wrong-id"
)

// ForeignReasons lists them all.
func ForeignReasons() []Foreign {
	return []Foreign{ForeignUnreadable, ForeignLedger, ForeignSale, ForeignPartition, ForeignID}
}

// ForeignClaim is a claim or a close record that is foreign. Index is its place among those that were to be decided.
type ForeignClaim struct {
	Index int
	Why   Foreign
}
