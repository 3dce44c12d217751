/*
 * What one process remembers of a sale of one unit: its entry in the catalog, which says when the sale is sold out, and
 * its receipt cache, which answers owners and, when it is complete, everybody else. Decisions of other processes arrive
 * late, in any order, or never; a refresh reads Postgres.
 *
 * There is one shopper: a receipt cache is right when it is right for each shopper. Names are those of the code;
 * README.md maps each to its function.
 */

#ifndef ORDERS
#define ORDERS 3	/* commits of the ledger */
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef RESETS
#define RESETS 1
#endif
#ifndef LOOKUPS
#define LOOKUPS 2	/* purchase requests that look their order up */
#endif
#define BUS_SIZE 2	/* decisions that are on the way to this process */

/* Postgres. A claim is its number; 0: none. */
byte generation = 1;
byte saleVersion = 1;
byte stockVersion = 1;
byte liveOrder;		/* of the shopper */
byte revision;		/* the stock's version at the last change of the shopper's orders */
byte claims;		/* the number of the last claim */
byte soldOut;		/* generations that ever were, a bit each */
#define TAKEN		(liveOrder > 0)
#define BIT(n)		(1 << (n))

typedef Decision { byte generation; byte claim; byte stockVersion }
Decision bus[BUS_SIZE];	/* claim 0: free */

typedef CatalogEntry { byte generation = 1; byte saleVersion = 1; byte stockVersion = 1; byte taken; bool stockHeard }
CatalogEntry entry;	/* stockHeard: a decision changed the stock after the current refresh began */
typedef ReceiptCache { byte receipt; byte completeTo; byte revision; byte floor; bool suspect; byte changes }
ReceiptCache cache;

/* receiptCache.complete, receiptCache.needsLoad */
#define COMPLETE	(cache.completeTo > 0 && cache.completeTo >= entry.stockVersion && !cache.suspect)
#define NEEDS_LOAD	((entry.taken && !COMPLETE) || (!entry.taken && cache.suspect && cache.receipt))

/* What a purchase request is answered from memory, at any moment. */
inline checkAnswers() {
	assert(!entry.taken || (soldOut & BIT(entry.generation)));	/* only the ledger says "sold out", of this very generation */
	/* An owner at the entry's version is not told that he has no order. */
	assert(!(entry.taken && COMPLETE && entry.stockVersion == stockVersion && liveOrder) || cache.receipt == liveOrder)
}

/* ---- the ledger and its operators ---- */

active proctype ledger() {
	byte orders = ORDERS, cancels = CANCELS, resets = RESETS;
	byte k;
end_idle:
	do
	/* Store.decideTx; then Checkout.Decided or, in another process, Checkout.receive */
	:: atomic { orders > 0 && !TAKEN ->
			orders--; claims++; stockVersion++;
			liveOrder = claims; revision = stockVersion; soldOut = soldOut | BIT(generation);
			if
			:: bus[0].claim == 0 -> k = 0
			:: bus[0].claim != 0 && bus[1].claim == 0 -> k = 1
			:: k = BUS_SIZE	/* the message is lost */
			fi;
			if
			:: k < BUS_SIZE -> bus[k].generation = generation; bus[k].claim = claims; bus[k].stockVersion = stockVersion
			:: else
			fi;
			k = 0;
			printf("ledger: order %d, generation %d, version %d\n", liveOrder, generation, stockVersion) }
	/* Store.CancelTx */
	:: d_step { cancels > 0 && TAKEN ->
			cancels--; stockVersion++; saleVersion++; liveOrder = 0; revision = stockVersion;
			printf("operator: cancelled, version %d\n", stockVersion) }
	/* Store.BeginGenerationTx */
	:: d_step { resets > 0 ->
			resets--; generation++; stockVersion++; saleVersion++; liveOrder = 0; revision = 0;
			printf("operator: generation %d, version %d\n", generation, stockVersion) }
	od
}

/* ---- decisions that arrive ---- */

inline invalidate(v) {	/* receiptCache.invalidate */
	if
	:: v > cache.floor -> cache.floor = v
	:: else
	fi;
	cache.changes++; cache.suspect = true
}

/* Checkout.receive */
active proctype receive() {
	byte k;
end_idle:
	do
	:: atomic { bus[0].claim || bus[1].claim ->
			if
			:: bus[0].claim -> k = 0
			:: bus[1].claim -> k = 1
			fi };
		/* Checkout.cacheReceipts, receiptCache.add */
		d_step {
			printf("receive: order %d of version %d\n", bus[k].claim, bus[k].stockVersion);
			if
#ifdef LATE_RECEIPT_CACHED
			:: bus[k].generation == entry.generation -> cache.receipt = bus[k].claim
#else
			/* An order up to the floor comes too late: the cache was made, loaded or invalidated after it, and it may be cancelled since. */
			:: bus[k].generation == entry.generation && bus[k].stockVersion > cache.floor -> cache.receipt = bus[k].claim
#endif
			:: else
			fi
		};
		/* snapshots.withStocks */
		d_step {
			if
#ifdef STOCK_OF_ANY_GENERATION
			:: entry.stockVersion < bus[k].stockVersion || entry.generation > bus[k].generation ->
#else
			:: entry.generation == bus[k].generation && entry.stockVersion < bus[k].stockVersion ->
#endif
				entry.stockVersion = bus[k].stockVersion; entry.taken = 1; entry.stockHeard = true
			:: else
			fi;
			bus[k].claim = 0; bus[k].generation = 0; bus[k].stockVersion = 0; k = 0;
			checkAnswers()
		}
	od
}

/* ---- what is read from Postgres ---- */

/* Catalog.refresh */
active proctype refresh() {
	byte seenGeneration, seenSaleVersion, seenStockVersion, seenTaken;
end_idle:
	do
	/* Store.ReadChanges: the versions, and the rows of sales that changed */
	:: d_step { saleVersion != entry.saleVersion || stockVersion != entry.stockVersion ->
			entry.stockHeard = false; seenSaleVersion = saleVersion; seenGeneration = generation };
		/* then the stock of those generations */
		d_step {
			if
			:: seenGeneration == generation -> seenStockVersion = stockVersion; seenTaken = TAKEN
			:: else -> seenStockVersion = 0	/* the generation has ended meanwhile; the next refresh finds the new one */
			fi
		};
		/* snapshots.withChanges, newEntry */
		d_step {
			if
			:: seenSaleVersion == entry.saleVersion
			:: seenSaleVersion != entry.saleVersion && seenGeneration == entry.generation -> entry.saleVersion = seenSaleVersion; invalidate(seenStockVersion)
			:: seenSaleVersion != entry.saleVersion && seenGeneration != entry.generation ->
				entry.saleVersion = seenSaleVersion; entry.generation = seenGeneration; entry.stockVersion = 0; entry.taken = 0;
				cache.receipt = 0; cache.completeTo = 0; cache.revision = 0; cache.floor = seenStockVersion; cache.suspect = false; cache.changes++
			fi;
			if
			:: seenStockVersion > 0 && entry.stockVersion != seenStockVersion && !(seenStockVersion < entry.stockVersion && entry.stockHeard) ->
				entry.stockVersion = seenStockVersion; entry.taken = seenTaken
			:: else
			fi;
			printf("catalog: generation %d, version %d, taken %d\n", entry.generation, entry.stockVersion, entry.taken);
			seenGeneration = 0; seenSaleVersion = 0; seenStockVersion = 0; seenTaken = 0;
			checkAnswers()
		}
	od
}

/* Checkout.runReceiptLoader, Checkout.readOrders */
active proctype receiptLoader() {
	byte askedVersion, seenOrder, seenRevision, loadedRevision, askedGeneration;
	bool load;
end_idle:
	do
	:: atomic { NEEDS_LOAD ->
			askedVersion = entry.stockVersion; askedGeneration = entry.generation; load = true;
			if
			:: cache.suspect && cache.revision == 0 ->	/* receiptCache.clear */
				cache.suspect = false; cache.receipt = 0; cache.completeTo = 0; cache.changes++;
				load = entry.taken;
				printf("receipt cache: cleared, floor %d\n", cache.floor)
			:: else -> cache.suspect = false
			fi;
			loadedRevision = cache.revision };
		if
		:: load ->
			d_step {	/* Store.OrdersSince */
				if
				:: askedGeneration == generation -> seenOrder = liveOrder; seenRevision = revision
				:: else -> seenOrder = 0; seenRevision = 0
				fi
			};
			d_step {	/* receiptCache.addLoaded */
				if
				:: askedGeneration == entry.generation ->
					if
					:: seenOrder && seenRevision > loadedRevision -> cache.receipt = seenOrder
					:: !seenOrder && seenRevision > loadedRevision && loadedRevision > 0 -> cache.receipt = 0
					:: else
					fi;
					if
					:: seenRevision > cache.revision && (seenOrder || loadedRevision > 0) -> cache.revision = seenRevision
					:: else
					fi;
					if
					:: askedVersion > cache.completeTo -> cache.completeTo = askedVersion
					:: else
					fi;
					if
					:: askedVersion > cache.floor -> cache.floor = askedVersion
					:: else
					fi;
					if
					:: cache.revision > cache.floor -> cache.floor = cache.revision
					:: else
					fi;
					cache.changes++;
					printf("receipt cache: receipt %d, complete to %d\n", cache.receipt, cache.completeTo)
				:: else	/* the cache of an older generation, which nobody uses any more */
				fi;
				checkAnswers()
			}
		:: else
		fi;
		atomic { askedVersion = 0; askedGeneration = 0; loadedRevision = 0; seenOrder = 0; seenRevision = 0; load = false }
	od
}

/* purchase.lookUpReceipt, receiptCache.addLookedUp: a request looks its order up */
active proctype lookUpReceipt() {
	byte seenChanges, seenOrder;
	byte lookups = LOOKUPS;
	do
	:: lookups > 0 ->
		d_step { lookups--; seenChanges = cache.changes };
		d_step {
			if
			:: entry.generation == generation -> seenOrder = liveOrder
			:: else -> seenOrder = 0
			fi
		};
		d_step {
			if
			:: seenOrder && seenChanges == cache.changes -> cache.receipt = seenOrder
			:: else
			fi;
			seenOrder = 0; seenChanges = 0;
			checkAnswers()
		}
	:: lookups == 0 -> break
	:: lookups > 0 -> lookups = 0
	od
}

/* When all decisions have arrived and the refresh is done, memory is right. */
active proctype memoryIsRight() {
	atomic { timeout -> d_step {
		assert(entry.generation == generation && entry.stockVersion == stockVersion && entry.taken == TAKEN);
		assert(cache.receipt == 0 || cache.receipt == liveOrder)
	} }
}
