// Package peers holds real cache libraries to one interface, so that each can keep the counters of the incident.
package peers

import (
	"context"
	"hash/maphash"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/elastic/go-freelru"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jellydator/ttlcache/v3"
	"github.com/maypok86/otter/v2"
	phuslu "github.com/phuslu/lru"
	"github.com/scalalang2/golang-fifo/sieve"
	"github.com/scalalang2/golang-fifo/types"
)

// Cause is the reason of a removal, as far as the library's callback gives one.
type Cause int

const (
	Unknown Cause = iota // The callback gives no reason: it follows from the call that the library is in.
	Cap
	TTL
)

// Cache is a library as a store of counters. An entry's value may be a count or stand for one.
type Cache[V comparable] interface {
	// Update finds or creates the entry of an id and puts back what next makes of it: its idle time begins anew.
	Update(id string, next func(old V, found bool) V)
	// Delete removes the entry of an id, and reports whether there was one.
	Delete(id string) bool
	// Len gives the number of entries, those included that have expired and are still kept.
	Len() int
	// Stop ends the library's goroutines.
	Stop()
}

// Settings of a cache; Evicted, where it is not nil, gets the value of each entry that the library removes.
type Settings[V comparable] struct {
	Cap     int
	TTL     time.Duration // Since the last Update; 0: none.
	Seed    uint64        // For hashes that the caller must supply; libraries with their own draw their own seeds.
	Evicted func(value V, cause Cause)
}

// Makers gives the constructor of each library, by the name that the tables use.
func Makers[V comparable]() map[string]func(Settings[V]) Cache[V] {
	return map[string]func(Settings[V]) Cache[V]{
		"ttlcache":        newTTLCache[V],
		"simplelru":       newSimpleLRU[V],
		"expirable":       func(s Settings[V]) Cache[V] { return newExpirable(s, true) },
		"expirable_read":  func(s Settings[V]) Cache[V] { return newExpirable(s, false) },
		"otter":           newOtter[V],
		"phuslu":          func(s Settings[V]) Cache[V] { return newPhuslu(s, 0) },
		"phuslu_1_shard":  func(s Settings[V]) Cache[V] { return newPhuslu(s, 1) },
		"freelru":         newFreeLRU[V],
		"freelru_sharded": newFreeLRUSharded[V],
		"sieve":           func(s Settings[V]) Cache[V] { s.TTL = 0; return newSieve(s) },
		"sieve_ttl":       newSieve[V],
	}
}

// ttlCache: an LRU list and a heap of deadlines. A goroutine sleeps until the next deadline.
type ttlCache[V comparable] struct{ *ttlcache.Cache[string, V] }

func newTTLCache[V comparable](s Settings[V]) Cache[V] {
	cache := ttlcache.New(ttlcache.WithCapacity[string, V](uint64(s.Cap)), ttlcache.WithTTL[string, V](s.TTL))
	if s.Evicted != nil {
		causes := map[ttlcache.EvictionReason]Cause{
			ttlcache.EvictionReasonCapacityReached: Cap, ttlcache.EvictionReasonExpired: TTL,
		}
		cache.OnEviction(func(_ context.Context, reason ttlcache.EvictionReason, item *ttlcache.Item[string, V]) {
			if cause, ok := causes[reason]; ok {
				s.Evicted(item.Value(), cause)
			}
		})
	}
	go cache.Start()
	return ttlCache[V]{cache}
}

func (c ttlCache[V]) Update(id string, next func(V, bool) V) {
	var old V
	item := c.Get(id)
	if item != nil {
		old = item.Value()
	}
	c.Set(id, next(old, item != nil), ttlcache.DefaultTTL)
}

func (c ttlCache[V]) Delete(id string) bool {
	_, found := c.GetAndDelete(id)
	return found
}

// simpleLRU: the bare list and map of golang-lru, without a TTL; it is for one goroutine at a time.
type simpleLRU[V comparable] struct{ *simplelru.LRU[string, V] }

func newSimpleLRU[V comparable](s Settings[V]) Cache[V] {
	return simpleLRU[V]{must(simplelru.NewLRU(s.Cap, withoutCause(s.Evicted)))}
}

func (c simpleLRU[V]) Update(id string, next func(V, bool) V) { c.Add(id, next(c.Get(id))) }
func (c simpleLRU[V]) Delete(id string) bool                  { return c.Remove(id) }
func (c simpleLRU[V]) Stop()                                  {}

// expiring: golang-lru's expirable. A write restarts the TTL, a read does not; without putsBack a hit only reads, as
// where the value is a pointer to a counter.
type expiring[V comparable] struct {
	*expirable.LRU[string, V]
	putsBack bool
}

func newExpirable[V comparable](s Settings[V], putsBack bool) Cache[V] {
	return expiring[V]{expirable.NewLRU(s.Cap, withoutCause(s.Evicted), s.TTL), putsBack}
}

func (c expiring[V]) Update(id string, next func(V, bool) V) {
	old, found := c.Get(id)
	if value := next(old, found); c.putsBack || !found || value != old {
		c.Add(id, value)
	}
}

func (c expiring[V]) Delete(id string) bool { return c.Remove(id) }

// Stop closes what the library never does: "it's decided to add functionality to close it in the version later than v2".
func (c expiring[V]) Stop() {
	done := reflect.ValueOf(c.LRU).Elem().FieldByName("done")
	close(*(*chan struct{})(unsafe.Pointer(done.UnsafeAddr())))
}

// otterCache: W-TinyLFU; maintenance on goroutines of its own, and once a second.
type otterCache[V comparable] struct{ *otter.Cache[string, V] }

func newOtter[V comparable](s Settings[V]) Cache[V] {
	options := &otter.Options[string, V]{MaximumSize: s.Cap}
	if s.TTL > 0 {
		options.ExpiryCalculator = otter.ExpiryAccessing[string, V](s.TTL)
	}
	if s.Evicted != nil {
		causes := map[otter.DeletionCause]Cause{otter.CauseOverflow: Cap, otter.CauseExpiration: TTL}
		options.OnAtomicDeletion = func(e otter.DeletionEvent[string, V]) {
			if cause, ok := causes[e.Cause]; ok {
				s.Evicted(e.Value, cause)
			}
		}
	}
	return otterCache[V]{must(otter.New(options))}
}

func (c otterCache[V]) Update(id string, next func(V, bool) V) {
	c.Compute(id, func(old V, found bool) (V, otter.ComputeOp) { return next(old, found), otter.WriteOp })
}

func (c otterCache[V]) Delete(id string) bool {
	_, found := c.Invalidate(id)
	return found
}

func (c otterCache[V]) Len() int { return c.EstimatedSize() }
func (c otterCache[V]) Stop()    { c.StopAllGoroutines() }

// phusluCache: shards of LRU lists in arrays, a sliding TTL in whole seconds that is seen only when an id is read.
type phusluCache[V comparable] struct {
	*phuslu.TTLCache[string, V]
	Settings[V]
}

func newPhuslu[V comparable](s Settings[V], shards uint32) Cache[V] {
	sliding, count := phuslu.WithSliding[string, V](true), phuslu.WithShards[string, V](shards)
	return phusluCache[V]{phuslu.NewTTLCache(s.Cap, count, sliding), s}
}

func (c phusluCache[V]) Update(id string, next func(V, bool) V) {
	var none V
	// There is no callback: a Set that replaces nothing returns the value whose place it took.
	if gone, replaced := c.Set(id, next(c.Get(id)), c.TTL); !replaced && gone != none && c.Evicted != nil {
		c.Evicted(gone, Cap)
	}
}

func (c phusluCache[V]) Delete(id string) bool {
	var none V
	return c.TTLCache.Delete(id) != none
}

func (c phusluCache[V]) Stop() {}

// freeLRU: an LRU list in arrays; an expired entry leaves when it is read, or as the oldest one. The caller brings the
// hash. One lock around all, or one for each shard.
type freeLRU[V comparable] struct{ freelru.Cache[string, V] }

func newFreeLRU[V comparable](s Settings[V]) Cache[V] {
	return withTTL(must(freelru.NewSynced[string, V](uint32(s.Cap), hashOf(s.Seed))), s)
}

func newFreeLRUSharded[V comparable](s Settings[V]) Cache[V] {
	return withTTL(must(freelru.NewSharded[string, V](uint32(s.Cap), hashOf(s.Seed))), s)
}

func withTTL[V comparable](cache freelru.Cache[string, V], s Settings[V]) Cache[V] {
	cache.SetLifetime(s.TTL)
	if s.Evicted != nil {
		cache.SetOnEvict(withoutCause(s.Evicted))
	}
	return freeLRU[V]{cache}
}

func (c freeLRU[V]) Update(id string, next func(V, bool) V) { c.Add(id, next(c.Get(id))) }
func (c freeLRU[V]) Delete(id string) bool                  { return c.Remove(id) }
func (c freeLRU[V]) Stop()                                  {}

// hashOf gives a seeded hash of strings: FNV-1a, mixed at the end, as shards go by its upper half.
func hashOf(seed uint64) freelru.HashKeyCallback[string] {
	return func(id string) uint32 {
		hash := seed ^ 14695981039346656037
		for i := range len(id) {
			hash = (hash ^ uint64(id[i])) * 1099511628211
		}
		hash = (hash ^ hash>>33) * 0xff51afd7ed558ccd
		return uint32(hash >> 32)
	}
}

// sieveCache: SIEVE of golang-fifo; its TTL runs from the last write.
type sieveCache[V comparable] struct{ *sieve.Sieve[string, V] }

func newSieve[V comparable](s Settings[V]) Cache[V] {
	cache := sieve.New[string, V](s.Cap, s.TTL)
	if s.Evicted != nil {
		cache.SetOnEvicted(func(_ string, value V, reason types.EvictReason) {
			switch reason {
			case types.EvictReasonEvicted:
				s.Evicted(value, Cap)
			case types.EvictReasonExpired:
				s.Evicted(value, TTL)
			}
		})
	}
	return sieveCache[V]{cache}
}

func (c sieveCache[V]) Update(id string, next func(V, bool) V) { c.Set(id, next(c.Get(id))) }
func (c sieveCache[V]) Delete(id string) bool                  { return c.Remove(id) }
func (c sieveCache[V]) Stop()                                  { c.Close() }

// OneAtATime gives a cache whose Updates of one id exclude each other, so that no count is lost between the reading and
// the writing of it: one lock of 64 by the id's hash, or a single one for a library that has none of its own.
func OneAtATime[V comparable](cache Cache[V]) Cache[V] {
	switch cache.(type) {
	case otterCache[V]:
		return cache
	case simpleLRU[V]:
		return &striped[V]{Cache: cache, locks: make([]lock, 1)}
	}
	return &striped[V]{Cache: cache, locks: make([]lock, 64)}
}

type lock struct {
	sync.Mutex
	_ [56]byte // A cache line each.
}

type striped[V comparable] struct {
	Cache[V]
	locks []lock
}

var stripes = maphash.MakeSeed()

func (c *striped[V]) of(id string) *lock {
	return &c.locks[maphash.String(stripes, id)%uint64(len(c.locks))]
}

func (c *striped[V]) Update(id string, next func(V, bool) V) {
	own := c.of(id)
	own.Lock()
	defer own.Unlock()
	c.Cache.Update(id, next)
}

func (c *striped[V]) Delete(id string) bool {
	own := c.of(id)
	own.Lock()
	defer own.Unlock()
	return c.Cache.Delete(id)
}

func withoutCause[V comparable](evicted func(V, Cause)) func(string, V) {
	if evicted == nil {
		return nil
	}
	return func(_ string, value V) { evicted(value, Unknown) }
}

func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}
