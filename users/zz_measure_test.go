package users
import ("testing";"time";"runtime";"fmt";"context")
func TestZZMeasure(t *testing.T){
 ctx:=context.Background(); store:=NewStore(newPool(t))
 t0:=time.Now(); seed(t,store,10_000); fmt.Println("seed 10k",time.Since(t0))
 t0=time.Now(); seed(t,store,10_000); fmt.Println("seed 10k again",time.Since(t0))
 t0=time.Now(); seed(t,store,100_000); fmt.Println("seed 100k",time.Since(t0))
 for _,p:=range []int{1,2500,5000,5000,5000,1,1}{ t0=time.Now(); pg,err:=store.List(ctx,p,20); must(t,err); fmt.Println("page",p,len(pg.Accounts),time.Since(t0)) }
 for _,a:=range [][]any{{int64(0),int64(0),20},{store.anchors.Load().ids[399],int64(230),20},{int64(0),int64(99980),20}}{
  rows,err:=store.pool.Query(ctx,"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "+selectPage,a...); must(t,err)
  for rows.Next(){var s string; rows.Scan(&s); fmt.Println("   ",s)}; rows.Close() }
 t0=time.Now(); seed(t,store,1_000_000); fmt.Println("seed 1M",time.Since(t0))
 for _,p:=range []int{1,50000,50000}{ t0=time.Now(); pg,err:=store.List(ctx,p,20); must(t,err); fmt.Println("page",p,len(pg.Accounts),time.Since(t0)) }
 var a,b runtime.MemStats; runtime.GC(); runtime.ReadMemStats(&a)
 d:=NewDirectory(store,DirectoryConfig{}); t0=time.Now(); must(t,d.Refresh(ctx)); fmt.Println("load 1M",time.Since(t0))
 runtime.GC(); runtime.ReadMemStats(&b); fmt.Println("MiB",(b.HeapAlloc-a.HeapAlloc)>>20)
 t0=time.Now(); runtime.GC(); fmt.Println("GC",time.Since(t0))
 t0=time.Now(); must(t,d.Refresh(ctx)); must(t,d.Refresh(ctx)); fmt.Println("2 idle refreshes",time.Since(t0))
 t0=time.Now(); _,err:=store.ArchiveAll(ctx); must(t,err); fmt.Println("archive 1M",time.Since(t0))
 t0=time.Now(); must(t,d.Refresh(ctx)); fmt.Println("follow 1M",time.Since(t0), len(d.held.byID))
 t0=time.Now(); seed(t,store,1_000_000); fmt.Println("revive 1M",time.Since(t0))
 runtime.KeepAlive(d)
}
