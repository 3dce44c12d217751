package limits

import (
	"testing"
	"time"
)

func TestTheTableOfLimits(t *testing.T) {
	t.Parallel()
	seen := map[Policy]bool{}
	for _, row := range Policies() {
		if seen[row.Policy] {
			t.Errorf("%s has two rows", row.Policy)
		}
		seen[row.Policy] = true
		by := map[By]Budget{}
		for _, b := range row.Budgets {
			if b.Limit < 1 || b.Burst < 1 || b.Window <= 0 || b.interval() < time.Millisecond {
				t.Errorf("%s %s: %+v", row.Policy, b.By, b.Rate)
			}
			if _, twice := by[b.By]; twice {
				t.Errorf("%s has %s twice", row.Policy, b.By)
			}
			by[b.By] = b
			if !row.Late && b.By != ByNetwork && b.By != BySite {
				t.Errorf("%s is taken before the account is known, and has a budget by %s", row.Policy, b.By)
			}
		}
		for narrow, wide := range map[By]By{ByNetwork: BySite, ByAccountNetwork: ByAccountSite} {
			if n, w := by[narrow], by[wide]; w.Limit > 0 && (w.Burst <= n.Burst || w.interval() >= n.interval()) {
				t.Errorf("%s: the site has no more than the network: %+v", row.Policy, w)
			}
		}
		if n := by[ByNetwork]; n.Limit > 0 && row.Policy != Export && n.Burst < 40 {
			t.Errorf("%s: 40 people behind one address have %d attempts", row.Policy, n.Burst)
		}
		// A budget that others can spend is not one that refuses the owner, unless whoever spends it has proved a password.
		if _, ok := by[ByAccount]; ok && row.Policy != SecondFactor && row.Policy != Export {
			t.Errorf("%s: a stranger can lock an account out", row.Policy)
		}
	}
	if !Claims.Known() || Policy("x").Known() || Claims.Late() || !SignIn.Late() {
		t.Error("the table is not asked")
	}
}

func TestAddressesOfClients(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string][3]string{
		"192.0.2.7:40000":           {"account:1", "192.0.2.7/32", ""},
		"192.0.2.7":                 {"account:1", "192.0.2.7/32", ""},
		"[::ffff:192.0.2.7]:80":     {"account:1", "192.0.2.7/32", ""},
		"[2001:db8:1:2:3:4:5:6]:80": {"account:1", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		"2001:db8:1:2::":            {"account:1", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		"[fe80::1%eth0]:80":         {"account:1", "fe80::/64", "fe80::/48"},
		"@":                         {"account:1", "@", ""},
	} {
		who := askerOf([]string{NetworkKey(remote), AccountKey(1)})
		if got := [3]string{who.account, who.network, who.site}; got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}
