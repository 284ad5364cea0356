package lostgo

import (
	"context"
	"database/sql"
	"log"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/clewhq/clew/propagate"
	"golang.org/x/sync/errgroup"
)

func audit(ctx context.Context, what string) {}

func background(ctx context.Context) {
	go func() {
		audit(context.Background(), "a") // want `goroutine drops ctx: it starts over from context.Background\(\)`
	}()
	go audit(context.TODO(), "b")                                      // want `goroutine drops ctx: it starts over from context.TODO\(\)`
	go func(c context.Context) { audit(c, "c") }(context.Background()) // want `goroutine drops ctx`
	go func() {
		c, cancel := context.WithTimeout(context.Background(), time.Second) // want `goroutine drops ctx`
		defer cancel()
		audit(c, "d")
	}()
}

func request(w http.ResponseWriter, r *http.Request) {
	go audit(context.Background(), r.URL.Path) // want `goroutine drops r.Context\(\)`
}

func groups(ctx context.Context, g *errgroup.Group, wg *sync.WaitGroup) {
	g.Go(func() error {
		audit(context.Background(), "a") // want `goroutine drops ctx`
		return nil
	})
	wg.Go(func() { audit(context.Background(), "b") }) // want `goroutine drops ctx`
}

func bare(ctx context.Context, db *sql.DB) {
	go func() {
		db.Exec("delete from carts") // want `goroutine drops ctx: it calls Exec instead of ExecContext`
		http.Get("http://localhost") // want `goroutine drops ctx: it calls http.Get, which takes no context`
		db.Ping()                    // want `goroutine drops ctx: it calls Ping instead of PingContext`
	}()
}

func indirect(ctx context.Context) {
	go refresh() // want `goroutine drops ctx: refresh takes no context and calls context.Background\(\)`
	go func() {
		refresh() // want `goroutine drops ctx: it calls refresh, which calls context.Background\(\)`
	}()
	go daemon()
	go startSweep()
}

func refresh() { audit(context.Background(), "refresh") }

func startSweep() { audit(context.Background(), "sweep") }

func daemon() {
	for {
		audit(context.Background(), "daemon")
		time.Sleep(time.Second)
	}
}

func reassigned(ctx context.Context) {
	ctx = context.WithValue(ctx, "k", 1)
	go func() {
		audit(context.Background(), "x") // want `goroutine drops ctx`
	}()
	go audit(context.Background(), "y") // want `goroutine drops ctx`
}

// No findings below.

func carried(ctx context.Context) {
	go audit(ctx, "a")
	go func() { audit(context.WithoutCancel(ctx), "b") }()
	go func() { audit(propagate.Detach(ctx), "c") }()
	propagate.Go(ctx, func(ctx context.Context) { audit(ctx, "d") })
}

func deliberate(ctx context.Context) {
	//propagate:detached the cache outlives the request
	go audit(context.Background(), "a")
	go audit(context.Background(), "b") //propagate:detached so does this
	go func() {
		audit(context.Background(), "c") //nolint:contextcheck // said to another linter
	}()
	propagate.Background(func() {
		go audit(context.Background(), "d")
	})
	//propagate:detached
	go audit(context.Background(), "e") // want `goroutine drops ctx.*gives no reason`
}

//propagate:detached all of it
func deliberately(ctx context.Context) {
	go audit(context.Background(), "a")
}

func lifecycle(ctx context.Context, srv *http.Server) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	go func() {
		for {
			audit(context.Background(), "loop")
		}
	}()
}

func logs(ctx context.Context, l *log.Logger) {
	go func() {
		slog.InfoContext(context.Background(), "done")
		slog.Info("done")
		l.Println("done")
		logOnce(context.Background(), "done")
	}()
	go garbageCollect(context.Background())
	go func() { startMonitor(context.Background()) }()
	go func() { garbageCollect(context.Background()) }()
}

func startMonitor(ctx context.Context) {}

func garbageCollect(ctx context.Context) {}

func logOnce(ctx context.Context, what string) {}

func nothingAtHand() {
	go audit(context.Background(), "a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go audit(context.Background(), "b")
	_ = ctx
}
