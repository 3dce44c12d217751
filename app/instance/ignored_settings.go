package instance

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/config"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/ledger"
)

// ComparedSettings are the variables that speak of the first sale, each beside what is stored. They count only when that sale
// is made.
type ComparedSettings struct {
	Slug     string // "" while there is no sale
	Settings []ComparedSetting
}

// ComparedSetting is one variable; Given is "" when it is not set.
type ComparedSetting struct {
	Variable, Given, Stored string
	Differs                 bool
	flag                    string
}

func compareSettings(cfg config.Config, s sale.Snapshot) ComparedSettings {
	compared := ComparedSettings{Slug: s.Slug}
	add := func(variable, flag, given, stored string, set, same bool) {
		if !set {
			given = ""
		}
		compared.Settings = append(compared.Settings, ComparedSetting{variable, given, stored, set && !same, flag})
	}
	add("MAX_STOCK", "stock", fmt.Sprint(cfg.MaxStock), fmt.Sprint(s.Total), cfg.StockSet, cfg.MaxStock == s.Total)
	for _, v := range []struct {
		name, flag    string
		given, stored time.Time
	}{
		{"FLASH_SALE_START_TIME", "start", cfg.StartTime, s.StartsAt},
		{"FLASH_SALE_END_TIME", "end", cfg.EndTime, s.EndsAt},
	} {
		add(v.name, v.flag, v.given.UTC().Format(time.RFC3339Nano), v.stored.UTC().Format(time.RFC3339Nano), !v.given.IsZero(), v.given.Equal(v.stored))
	}
	return compared
}

// Change is the command that makes the sale as the variables say; "" when it is so.
func (c ComparedSettings) Change() string {
	var flags []string
	for _, one := range c.Settings {
		if one.Differs {
			flags = append(flags, "--"+one.flag+" "+one.Given)
		}
	}
	if flags == nil {
		return ""
	}
	return "flashsale sale set --slug " + c.Slug + " " + strings.Join(flags, " ")
}

// CompareSettings reads the first sale and compares it with the environment.
func CompareSettings(ctx context.Context, cfg config.Config, pool *pgxpool.Pool) (ComparedSettings, error) {
	stored, err := ledger.New(pool, stockOf{inventory.NewStore(pool)}, nil).ReadChanges(ctx, nil, nil)
	if err != nil || len(stored.Rows) == 0 {
		return ComparedSettings{}, err
	}
	first := slices.MinFunc(stored.Rows, func(a, b sale.Row) int { return cmp.Compare(a.Sale, b.Sale) })
	s := sale.Snapshot{Slug: first.Slug, StartsAt: first.StartsAt, EndsAt: first.EndsAt}
	for _, level := range stored.Levels {
		if level.Key() == first.Key {
			s.Total = level.Total
		}
	}
	return compareSettings(cfg, s), nil
}

// ignoredSettings says in one sentence which variables differ from the existing sale. Empty when none differs.
func ignoredSettings(cfg config.Config, s sale.Snapshot) string {
	var differ []string
	compared := compareSettings(cfg, s)
	for _, one := range compared.Settings {
		if one.Differs {
			differ = append(differ, fmt.Sprintf("%s is %s, the sale's is %s", one.Variable, one.Given, one.Stored))
		}
	}
	if differ == nil {
		return ""
	}
	return fmt.Sprintf("%s: ignored, because the sale %s exists already; to change it: %s", strings.Join(differ, "; "), s.Slug, compared.Change())
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
