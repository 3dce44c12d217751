package ledger

// SQL of the package.
//
// Postgres keeps plans. A plan from the time when orders and declines were nearly empty may be a scan of the table, or of the
// wrong index, and stays in use when they have grown. Therefore a transaction that looks up rows by key first sends sqlProbes: it
// forbids sequential scans and makes Postgres plan each statement again. To plan again costs too much for what runs with each
// purchase. Those statements are written so that only one index fits, and their plans are kept: sqlKeptProbes and sqlLedgerSales
// set that.

const (
	sqlProbes     = `SELECT clock_timestamp(), set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)`
	sqlKeptProbes = `SELECT clock_timestamp(), set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`
)

const (
	ledgerID = `(SELECT i.id FROM ledger_identity i WHERE i.only_row)`

	orderColumns = `id, sale_id, generation, user_id, username, unit, attempt,
	coalesce(press_key, '00000000-0000-0000-0000-000000000000'), revision, decided_at, coalesce(pressed_at, 'epoch'),
	released_at IS NULL, coalesce(press, '00000000-0000-0000-0000-000000000000')`

	sqlOrdersByID = `SELECT ` + orderColumns + ` FROM orders WHERE id = ANY($1)`

	// Because of LIMIT the inner query is an index search for each shopper; with user_id = ANY the planner may read every order
	// of the sale and filter. Because of ORDER BY only the unique index of the shoppers fits: while there are no orders, all
	// indexes cost the same to the planner, and without ORDER BY it may choose that of the units.
	sqlLiveOrdersOf = `SELECT mine.* FROM unnest($3::bigint[]) AS asked (shopper), LATERAL (
	SELECT ` + orderColumns + ` FROM orders
	WHERE sale_id = $1 AND generation = $2 AND user_id BETWEEN asked.shopper AND asked.shopper AND released_at IS NULL
	ORDER BY user_id LIMIT 1) mine`

	// Everything that changed after a revision, cancelled orders too: the receipt caches have to remove them. After revision 0 as
	// well, because a process may have heard of an order before it reads for the first time. Each half has its own index.
	sqlOrdersSince = `SELECT ` + orderColumns + ` FROM orders
WHERE sale_id = $1 AND generation = $2 AND revision > $3 AND released_at IS NULL
UNION ALL SELECT ` + orderColumns + ` FROM orders
WHERE sale_id = $1 AND generation = $2 AND revision > $3 AND released_at IS NOT NULL`

	sqlDeclinesByID = `SELECT claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at
FROM declines WHERE claim_id = ANY($1)`

	sqlAttempts = `SELECT asked.shopper, tries.highest FROM unnest($3::bigint[]) AS asked (shopper), LATERAL (
	SELECT greatest(
		(SELECT max(attempt) FROM declines WHERE sale_id = $1 AND generation = $2 AND user_id = asked.shopper),
		(SELECT max(attempt) FROM orders WHERE sale_id = $1 AND generation = $2 AND user_id = asked.shopper AND released_at IS NOT NULL),
		(SELECT max(attempt) FROM orders WHERE sale_id = $1 AND generation = $2 AND user_id = asked.shopper AND released_at IS NULL)
	) AS highest) tries`
)

// What a decision writes. Orders have no ON CONFLICT: a repeat among them means a unit sold twice, and must fail. A decline can
// exist already, because a claim of a generation that does not exist has no stock row to lock.
const (
	// The times of the presses are microseconds since the epoch, which stands for one that is not known: an array of numbers is
	// cheap to send.
	sqlInsertOrders = `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, press_key, revision, decided_at, press, pressed_at,
	product_revision)
SELECT c.id, c.sale_id, c.generation, c.user_id, c.username, c.unit, c.attempt,
	nullif(c.press_key, '00000000-0000-0000-0000-000000000000'), c.revision, $10,
	nullif(c.press, '00000000-0000-0000-0000-000000000000'), timestamptz 'epoch' + nullif(c.pressed, 0) * interval '1 microsecond',
	nullif(c.product_revision, 0)
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::int[], $8::uuid[], $9::bigint[], $11::uuid[],
	$12::bigint[], $13::bigint[]) AS c (id, sale_id, generation, user_id, username, unit, attempt, press_key, revision, press, pressed, product_revision)`

	// sqlInsertOrder is sqlInsertOrders for one: it takes the server half of the time.
	sqlInsertOrder = `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, press_key, revision, decided_at, press, pressed_at,
	product_revision)
VALUES ($1::uuid, $2::bigint, $3::bigint, $4::bigint, $5::text, $6::bigint, $7::int, nullif($8::uuid, '00000000-0000-0000-0000-000000000000'),
	$9::bigint, $10, nullif($11::uuid, '00000000-0000-0000-0000-000000000000'),
	timestamptz 'epoch' + nullif($12::bigint, 0) * interval '1 microsecond', nullif($13::bigint, 0))`

	sqlInsertDeclines = `INSERT INTO declines (claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at)
SELECT c.*, $8 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::int[], $7::text[]) AS c
ON CONFLICT (claim_id) DO NOTHING`

	// The first statement after the locks: its clock is the time of the verdicts, and its settings, in one column, are valid for the
	// statements after it. It returns a row also when there is no such sale.
	sqlLedgerSales = `SELECT clock_timestamp(), set_config('enable_seqscan', 'off', true) || set_config('plan_cache_mode', 'force_generic_plan', true),
	` + ledgerID + `, coalesce(id, 0), coalesce(slug, ''), coalesce(generation, 0), coalesce(state, ''), coalesce(starts_at, 'epoch'), coalesce(ends_at, 'epoch'),
	coalesce(partition, 0), coalesce(version, 0), secret, coalesce(closing_version, 0), coalesce(product_revision, 0)
FROM (VALUES (0)) AS always LEFT JOIN sales ON id = ANY($1)`

	sqlSetClosed = `UPDATE sales SET state = 'closed', version = version + 1, updated_at = clock_timestamp()
WHERE id = $1 AND state = 'closing'`

	// Units can be bought since the start, or since the generation began.
	sqlSellout = `INSERT INTO sellouts (sale_id, generation, opened_at, at)
SELECT g.sale_id, g.generation, greatest(s.starts_at, g.begun_at), $3
FROM generations g JOIN sales s ON s.id = g.sale_id WHERE g.sale_id = $1 AND g.generation = $2
ON CONFLICT (sale_id, generation) DO UPDATE SET opened_at = excluded.opened_at, at = excluded.at`
)

// What the catalog reads.
const (
	sqlVersions = `SELECT s.id, s.version, s.generation, o.opened_at, o.at
FROM sales s LEFT JOIN sellouts o ON o.sale_id = s.id AND o.generation = s.generation`

	sqlSales = `SELECT s.id, s.slug, s.generation, s.state, s.starts_at, s.ends_at, s.partition, s.secret, s.version,
	coalesce(s.closing_version, 0), s.revision, ` + ledgerID + `,
	s.account_press_rate, s.account_press_burst, s.network_press_rate, s.network_press_burst, s.message, s.texts, s.zone,
	s.archived_at IS NOT NULL AND s.state IN ('draft', 'closed'),
	p.name, p.description, p.details, p.specification, p.important_info, p.images,
	p.price_minor, p.discount_minor, p.currency_code, p.currency_symbol
FROM sales s JOIN products p ON p.sale_id = s.id WHERE s.id = ANY($1)`
)

// What operators and the timetable change, and the locks for it, whose order is in the package comment. An operator's act makes
// the sale's revision grow by one; a change of state at the start or the end does not.
const (
	sqlLockTimeout = `SELECT set_config('lock_timeout', '2s', true)`

	sqlBySlug = `(SELECT id FROM sales WHERE slug = $1)`

	// The open or paused sale with the lowest id, or else the scheduled one that starts first, or else the one that ended last;
	// among equal ones the lowest id. catalogEntry.comesBefore has the same rule.
	sqlCurrentID = `(SELECT id FROM sales WHERE state <> 'draft' AND (archived_at IS NULL OR state <> 'closed') ORDER BY
	CASE WHEN state IN ('open', 'paused') THEN 0 WHEN state = 'scheduled' THEN 1 ELSE 2 END,
	CASE WHEN state = 'scheduled' THEN starts_at END, CASE WHEN state IN ('closing', 'closed') THEN ends_at END DESC, id LIMIT 1)`

	sqlGate        = `SELECT sale_id FROM products WHERE sale_id = ` + sqlBySlug + ` FOR UPDATE`
	sqlCurrentGate = `SELECT sale_id FROM products WHERE sale_id = ` + sqlCurrentID + ` FOR UPDATE`

	sqlSaleColumns = `SELECT id, slug, generation, state, starts_at, ends_at, partition, version, revision, closing_at, clock_timestamp(),
	account_press_rate, account_press_burst, network_press_rate, network_press_burst, message, texts, zone,
	archived_at IS NOT NULL AND state IN ('draft', 'closed')
FROM sales WHERE id = `
	sqlSaleBySlug  = sqlSaleColumns + sqlBySlug
	sqlCurrentSale = sqlSaleColumns + sqlCurrentID

	// closing_at is when the closing began. A sale that an operator closes at once, without a close record, has it too.
	sqlSetState = `UPDATE sales SET state = $2, version = version + 1, revision = revision + $3, updated_at = clock_timestamp(),
	closing_at = CASE WHEN $2 = 'closed' AND $3 > 0 THEN clock_timestamp() ELSE closing_at END WHERE id = $1`

	sqlSetClosing = `UPDATE sales SET state = 'closing', version = version + 1, revision = revision + $2, closing_version = version + 1,
	closing_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1`

	sqlNextGeneration = `UPDATE sales SET generation = $2, state = $3, archived_at = NULL, version = version + 1, revision = revision + 1,
	closing_version = NULL, closing_at = NULL, updated_at = clock_timestamp() WHERE id = $1`

	sqlTouch = `UPDATE sales SET version = version + 1, revision = revision + 1, updated_at = clock_timestamp() WHERE id = $1`

	sqlImages        = `SELECT images FROM products WHERE sale_id = ` + sqlBySlug
	sqlCurrentImages = `SELECT images FROM products WHERE sale_id = ` + sqlCurrentID

	sqlSetImages = `UPDATE products SET images = $2 WHERE sale_id = $1`
	// Sales are few. The pictures of a product are one document, and an id is in no text but its own.
	// Receipts show the main picture of then. An order of the version before names no revision, and keeps them all.
	sqlPictureUsed = `SELECT EXISTS (SELECT FROM products WHERE strpos(images::text, $1) > 0)
	OR EXISTS (SELECT FROM product_revisions r WHERE strpos(r.picture::text, $1) > 0 AND EXISTS (
	SELECT FROM orders o WHERE o.sale_id = r.sale_id AND coalesce(o.product_revision, r.revision) = r.revision))`
	// The end of a sale that is put away stays in the past, so nothing but an operator brings it back.
	sqlArchive = `UPDATE sales SET archived_at = CASE WHEN $2 THEN clock_timestamp() END, version = version + 1, revision = revision + 1,
	updated_at = clock_timestamp() WHERE id = $1`

	sqlAmendProduct = `UPDATE products SET name = coalesce($2, name), description = coalesce($3, description), price_minor = coalesce($4, price_minor),
	discount_minor = coalesce($5, discount_minor), currency_code = coalesce($6, currency_code), currency_symbol = coalesce($7, currency_symbol),
	details = coalesce($8, details), specification = coalesce($9, specification), important_info = coalesce($10, important_info)
WHERE sale_id = $1`

	// A change of state means that the sale is not closed any more, so nothing of the closing is kept.
	sqlAmend = `UPDATE sales SET starts_at = $2, ends_at = $3, state = $4,
	account_press_rate = $5, account_press_burst = $6, network_press_rate = $7, network_press_burst = $8, message = $9, zone = coalesce($10, zone), texts = $11,
	version = version + 1, revision = revision + 1,
	closing_version = CASE WHEN state = $4 THEN closing_version END, closing_at = CASE WHEN state = $4 THEN closing_at END,
	updated_at = clock_timestamp() WHERE id = $1`

	// The times belong to the generation. Those of the present one are the sale's.
	sqlEndGeneration = `UPDATE generations g SET ended_at = clock_timestamp(), starts_at = s.starts_at, ends_at = s.ends_at
FROM sales s WHERE s.id = g.sale_id AND g.sale_id = $1 AND g.generation = $2`

	sqlInsertGeneration = `INSERT INTO generations (sale_id, generation, total) VALUES ($1, $2, $3)`

	sqlOrderSale = `SELECT s.slug, o.generation FROM orders o JOIN sales s ON s.id = o.sale_id WHERE o.id = $1`

	sqlCancel = `UPDATE orders SET state = 'cancelled', released_at = clock_timestamp(), revision = $2
WHERE id = $1 AND released_at IS NULL`

	// No digest of the generation is computed until the transaction with this lock ends.
	sqlLockGeneration = `SELECT 1 FROM generations WHERE sale_id = $1 AND generation = $2 FOR NO KEY UPDATE`

	// What an order sold is a revision of its product. Programs of the version before do not write which; then it is the last one that
	// began before the order was decided.
	sqlSold = `LATERAL (
	SELECT r.name, r.important_info, r.picture, r.price_minor, r.discount_minor, r.currency_code, r.currency_symbol FROM product_revisions r
	WHERE r.sale_id = o.sale_id AND (r.revision = o.product_revision OR o.product_revision IS NULL AND r.since <= o.decided_at)
	ORDER BY r.revision DESC LIMIT 1) sold`

	sqlOrderOfSale = `SELECT ` + orderColumns + `, released_at, (SELECT slug FROM sales s WHERE s.id = o.sale_id), sold.*
FROM orders o, ` + sqlSold + ` WHERE o.id = $1`

	// The indexes of orders begin with the generation, so each generation is one search. An index by shopper would cost every order.
	sqlOrdersOfShopper = `SELECT ` + orderColumns + `, released_at, (SELECT slug FROM sales s WHERE s.id = o.sale_id), sold.*
FROM (SELECT mine.* FROM (SELECT sale_id, generation FROM generations ORDER BY begun_at DESC LIMIT 1000) g, LATERAL (
		(SELECT * FROM orders WHERE sale_id = g.sale_id AND generation = g.generation
			AND user_id BETWEEN $1 AND $1 AND released_at IS NULL ORDER BY user_id LIMIT 1)
		UNION ALL
		(SELECT * FROM orders WHERE sale_id = g.sale_id AND generation = g.generation
			AND user_id BETWEEN $1 AND $1 AND released_at IS NOT NULL ORDER BY user_id LIMIT 100)) mine
	ORDER BY mine.decided_at DESC, mine.id LIMIT $2) o, ` + sqlSold + `
ORDER BY o.decided_at DESC, o.id`

	sqlForgetDigest = `UPDATE generations SET digest = NULL WHERE sale_id = $1 AND generation = $2`
)

// What creates sales.
const (
	sqlAnySale = `SELECT EXISTS (SELECT FROM sales)`

	// The slug's unique index makes a second process wait for the first and then insert nothing.
	sqlInsertSale = `INSERT INTO sales (id, slug, state, starts_at, ends_at, partition, secret)
SELECT n, $1, CASE WHEN t.starts_at > clock_timestamp() THEN 'scheduled'
	WHEN t.ends_at <= clock_timestamp() THEN 'closed' ELSE 'open' END, t.starts_at, t.ends_at, n % $4, $5
FROM nextval(pg_get_serial_sequence('sales', 'id')) n,
	LATERAL (SELECT coalesce($2, clock_timestamp()) AS starts_at) a,
	LATERAL (SELECT a.starts_at, coalesce($3, a.starts_at + interval '1 year') AS ends_at) t
ON CONFLICT (slug) DO NOTHING RETURNING id, generation, state, partition`

	// A sale that has that slug already stays, and no row comes back.
	sqlInsertDraft = `INSERT INTO sales (id, slug, state, starts_at, ends_at, zone, partition, secret,
	account_press_rate, account_press_burst, network_press_rate, network_press_burst, texts)
SELECT n, $1, 'draft', $2, $3, $4, n % $5, $6, $7, $8, $9, $10, $11 FROM nextval(pg_get_serial_sequence('sales', 'id')) n
ON CONFLICT (slug) DO NOTHING RETURNING id, generation, state, partition`

	sqlProduct = `SELECT name, description, details, specification, important_info, images, price_minor, discount_minor, currency_code, currency_symbol
FROM products WHERE sale_id = ` + sqlBySlug

	sqlInsertProduct = `INSERT INTO products (sale_id, name, description, details, specification, important_info, images,
	price_minor, discount_minor, currency_code, currency_symbol) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
)

// What verify asks.
const (
	sqlCurrent = `SELECT id, generation FROM sales ORDER BY id`

	sqlOwners = `SELECT user_id FROM orders WHERE sale_id = $1 AND generation = $2 AND released_at IS NULL`

	sqlCounts = `SELECT sale_id, generation, count(*), count(DISTINCT user_id), count(DISTINCT unit), max(unit)
FROM orders WHERE released_at IS NULL GROUP BY sale_id, generation ORDER BY sale_id, generation`

	// The times of the present generation are the sale's; an ended one has kept its own.
	sqlPresses = `SELECT o.sale_id, o.generation, count(*), count(o.pressed_at),
	count(*) FILTER (WHERE o.pressed_at < t.starts_at OR o.pressed_at >= t.ends_at), min(t.starts_at), min(t.ends_at)
FROM orders o LEFT JOIN (
	SELECT g.sale_id, g.generation, CASE WHEN present THEN s.starts_at ELSE g.starts_at END AS starts_at,
		CASE WHEN present THEN s.ends_at ELSE g.ends_at END AS ends_at
	FROM generations g JOIN sales s ON s.id = g.sale_id, LATERAL (SELECT s.generation = g.generation AS present) p) t
	USING (sale_id, generation)
GROUP BY o.sale_id, o.generation ORDER BY o.sale_id, o.generation`

	sqlUndigested = `SELECT sale_id, generation FROM generations
WHERE ended_at IS NOT NULL AND (digest IS NULL OR press_digest IS NULL) ORDER BY sale_id, generation LIMIT 1 FOR UPDATE SKIP LOCKED`

	// The sum is the same in whatever order the rows are read. The two halves are those of sqlOrdersSince, so that each has an
	// index; a single condition reads every order of every sale. The second digest is over what the version before does not know.
	sqlDigest = `SELECT count(*) || ':' || coalesce(sum(('x' || left(md5(concat_ws('|', id, user_id, username, unit, attempt, state,
	extract(epoch FROM decided_at), extract(epoch FROM released_at))), 16))::bit(64)::bigint::numeric), 0),
	count(pressed_at) || ':' || coalesce(sum(('x' || left(md5(concat_ws('|', id, extract(epoch FROM pressed_at))), 16))::bit(64)::bigint::numeric), 0)
FROM (SELECT * FROM orders WHERE sale_id = $1 AND generation = $2 AND released_at IS NULL
	UNION ALL SELECT * FROM orders WHERE sale_id = $1 AND generation = $2 AND released_at IS NOT NULL) all_of_it`

	sqlStoreDigest = `UPDATE generations SET digest = coalesce(digest, $3), press_digest = coalesce(press_digest, $4)
WHERE sale_id = $1 AND generation = $2`

	sqlDigests = `SELECT sale_id, generation, coalesce(digest || ' ' || press_digest, '') FROM generations WHERE ended_at IS NOT NULL ORDER BY sale_id, generation`
)
