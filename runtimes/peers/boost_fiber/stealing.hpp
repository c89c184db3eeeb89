/* SPDX-License-Identifier: Apache-2.0 */
/* How workers find fibers when there are several: see boost_fiber.cc. */
#pragma once
#include <boost/fiber/detail/context_spinlock_queue.hpp>
#include <condition_variable>
#include <mutex>

#include "peers/boost_fiber/peer.hpp"

/* Fruitless looks in a row, after which an idle worker gives its CPU away, and then naps. */
constexpr int looks_spinning = 200, looks_yielding = 2000;

class stealing final : public bf::algo::algorithm {
    worker *w_;
    bf::detail::context_spinlock_queue ready_{};
    std::mutex m_{};
    std::condition_variable wake_{};
    bool notified_{false};
    std::atomic<int> idle_{0}; /* Written by: the worker, and notify() of another */
    uint32_t turn_;

    bf::context *steal() noexcept
    {
        gt_runtime *rt = w_->rt;
        if (rt->closing.load(std::memory_order_relaxed))
            return nullptr;
        for (uint32_t i = 0, victim = turn_++; i < rt->procs; i++, victim++) {
            worker *v = &rt->workers[victim % rt->procs];
            stealing *from = v == w_ ? nullptr : v->algorithm.load(std::memory_order_acquire);
            bf::context *ctx = from ? from->ready_.steal() : nullptr;
            if (ctx)
                return ctx;
        }
        return nullptr;
    }

public:
    explicit stealing(worker *w) : w_{w}, turn_{w->index}
    {
        w->algorithm.store(this, std::memory_order_release);
    }

    void awakened(bf::context *ctx) noexcept override
    {
        if (!ctx->is_context(bf::type::pinned_context))
            ctx->detach();
        ready_.push(ctx);
    }

    bf::context *pick_next() noexcept override
    {
        bf::context *ctx = ready_.pop();
        if (!ctx)
            ctx = steal();
        if (ctx) {
            if (!ctx->is_context(bf::type::pinned_context)) {
                idle_.store(0, std::memory_order_relaxed);
                bf::context::active()->attach(ctx);
            }
        }
        return ctx;
    }

    bool has_ready_fibers() const noexcept override
    {
        return !ready_.empty();
    }

    void suspend_until(const steady::time_point &when) noexcept override
    {
        int looks = idle_.load(std::memory_order_relaxed) + 1;
        idle_.store(looks, std::memory_order_relaxed);
        if (looks < looks_spinning)
            return;
        if (looks < looks_yielding) {
            std::this_thread::yield();
            return;
        }
        std::unique_lock<std::mutex> lk{m_};
        if (!notified_)
            wake_.wait_until(lk, std::min(when, steady::now() + std::chrono::microseconds{200}));
        notified_ = false;
    }

    void notify() noexcept override
    {
        std::unique_lock<std::mutex> lk{m_};
        notified_ = true;
        idle_.store(0, std::memory_order_relaxed);
        lk.unlock();
        wake_.notify_one();
    }
};
