package config

import "testing"

// Only names that look like ours get a suggestion: others belong to other programs.
func TestTheNearestName(t *testing.T) {
	t.Parallel()
	known := append(append(Variables(), foreignNames()...), runtimeNames()...)
	for name, want := range map[string]string{
		"MAX_STOCKS": "MAX_STOCK", "MAXSTOCK": "MAX_STOCK", "MAX_STCOK": "MAX_STOCK", "max_stock": "MAX_STOCK", "FLASH_SALE_START": "FLASH_SALE_START_TIME",
		"FLASH_SALE_END": "FLASH_SALE_END_TIME", "FLASH_SALE_END_TIMES": "FLASH_SALE_END_TIME", "FLASH_SALE_BEGIN": "FLASH_SALE_START_TIME or FLASH_SALE_END_TIME",
		"DATABASE_URI": "DATABASE_URL", "DB_USER": "DB_USERNAME", "DB_PASS": "DB_PASSWORD", "REDIS_URI": "REDIS_URL", "KAFKA_BROKER": "KAFKA_BROKERS",
		"NAMESPACES": "NAMESPACE", "CORS_ORIGIN": "CORS_ORIGINS", "LOGLEVEL": "LOG_LEVEL", "port": "PORT",
		"PORTAL": "", "HOSTNAME": "", "HOSTS": "", "DEMOS": "", "LOGNAME": "", "PATH": "", "HOME": "", "POD_NAMESPACE": "", "REDIS_HOST": "", "REDIS_PORT": "",
		"KAFKA_HOME": "", "DB": "", "POSTGRES_DB": "", "XDG_DATA_DIRS": "", "MAX_STOCK_PHOTOS_CACHE": "", "": "", "A=B": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%q: %q is meant, want %q", name, got, want)
		}
	}
}
