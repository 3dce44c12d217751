package instance

import (
	"net/netip"
	"time"

	"flashsale/sale"
	"flashsale/users/login/limits"
)

// pressesOf bounds how often shoppers and networks press, by the limit of the sale's snapshot. That a shopper has met it is noted for
// the desk, once in ten seconds.
type pressesOf struct {
	limit *limits.Presses
	noted *limits.Limits
}

func (p pressesOf) Take(saleID int64, l sale.PressLimit, shopper int64, from netip.Addr) (sale.PressBudget, time.Duration, bool) {
	v := p.limit.Take(saleID, shopper, from, limits.PressRates{
		Account: pressRate(l.AccountRate, l.AccountBurst), Network: pressRate(l.NetworkRate, l.NetworkBurst),
	})
	if !v.OK && p.limit.MayNote(saleID, shopper) {
		p.noted.Note(shopper, limits.Purchase, v.By)
	}
	if v.By == limits.ByAccount {
		return sale.PressesOfAccount, v.Wait, v.OK
	}
	return sale.PressesOfNetwork, v.Wait, v.OK
}

func (p pressesOf) MayLook(saleID, shopper int64) bool { return p.limit.MayLook(saleID, shopper) }

func pressRate(perSecond, burst int64) limits.Rate {
	return limits.Rate{Limit: int(perSecond), Window: time.Second, Burst: int(burst)}
}
