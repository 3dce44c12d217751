package instance

import (
	"fmt"
	"strings"
	"time"

	"flashsale/app/config"
	"flashsale/sale"
)

// ignoredSettings says in one sentence which variables differ from the existing sale: they count only when the first sale is
// created. Empty when none differs.
func ignoredSettings(cfg config.Config, s sale.Snapshot) string {
	var differ, flags []string
	differs := func(variable, given, stored, flag string) {
		differ = append(differ, fmt.Sprintf("%s is %s, the sale's is %s", variable, given, stored))
		flags = append(flags, "--"+flag+" "+given)
	}
	if cfg.StockSet && cfg.MaxStock != s.Total {
		differs("MAX_STOCK", fmt.Sprint(cfg.MaxStock), fmt.Sprint(s.Total), "stock")
	}
	for _, v := range []struct {
		name, flag    string
		given, stored time.Time
	}{
		{"FLASH_SALE_START_TIME", "start", cfg.StartTime, s.StartsAt},
		{"FLASH_SALE_END_TIME", "end", cfg.EndTime, s.EndsAt},
	} {
		// Postgres keeps microseconds.
		if !v.given.IsZero() && !v.given.Truncate(time.Microsecond).Equal(v.stored) {
			differs(v.name, v.given.Format(time.RFC3339Nano), v.stored.Format(time.RFC3339Nano), v.flag)
		}
	}
	if differ == nil {
		return ""
	}
	return fmt.Sprintf("%s: ignored, because the sale %s exists already; to change it: flashsale sale set --slug %s %s",
		strings.Join(differ, "; "), s.Slug, s.Slug, strings.Join(flags, " "))
}

// warnOfIgnored is one warning at the start of an instance. The variables speak of the first sale.
func (a *Instance) warnOfIgnored() {
	all := a.wiring.catalog.All()
	if len(all) == 0 {
		return
	}
	if sentence := ignoredSettings(a.cfg, all[0]); sentence != "" {
		a.log.Warn(sentence)
	}
}
