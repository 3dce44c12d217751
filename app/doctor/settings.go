package doctor

import (
	"context"

	"flashsale/app/instance"
)

// examineSettings shows of the first sale what is stored beside what the environment gives. What is given counts only when the
// first sale is made, so a difference is no fault.
func (d *Doctor) examineSettings(ctx context.Context) {
	compared, err := instance.CompareSettings(ctx, d.cfg, d.pool)
	if err != nil {
		d.say(false, "%-11s %s", "settings", oneLine(err.Error()))
		return
	}
	for _, one := range compared.Settings {
		given, note := one.Given, ""
		switch {
		case given == "":
			given = "nothing"
		case one.Differs:
			note = "; what is stored counts"
		}
		d.say(true, "%-11s %s: stored %s, given %s%s", "setting", one.Variable, one.Stored, given, note)
	}
	if change := compared.Change(); change != "" {
		d.say(true, "%-11s to change the sale %s: %s", "settings", compared.Slug, change)
	} else if compared.Slug == "" {
		d.say(true, "%-11s no sale yet; a start makes it from MAX_STOCK, FLASH_SALE_START_TIME and FLASH_SALE_END_TIME", "settings")
	}
}
