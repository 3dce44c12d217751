package instance

import (
	"net/netip"
	"time"

	"flashsale/sale"
	"flashsale/users/login"
)

// pressesOf bounds how often shoppers and networks press, by the limit of the sale's snapshot.
type pressesOf struct{ limit *login.PurchaseLimit }

func (p pressesOf) Take(saleID int64, l sale.PressLimit, shopper int64, from netip.Addr) (sale.PressBudget, time.Duration, bool) {
	v := p.limit.Take(saleID, shopper, from, login.PurchaseRates{
		Account: pressRate(l.AccountRate, l.AccountBurst), Network: pressRate(l.NetworkRate, l.NetworkBurst),
	})
	if v.By == login.ByAccount {
		return sale.PressesOfAccount, v.Wait, v.OK
	}
	return sale.PressesOfNetwork, v.Wait, v.OK
}

func (p pressesOf) MayLook(saleID, shopper int64) bool { return p.limit.MayLook(saleID, shopper) }

func pressRate(perSecond, burst int64) login.Rate {
	return login.Rate{Limit: int(perSecond), Window: time.Second, Burst: int(burst)}
}
