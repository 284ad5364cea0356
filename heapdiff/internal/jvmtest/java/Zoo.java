import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Leaks in each of the ways that heapdiff tells of, a step further for each line of its input. */
public class Zoo {
    static final class Pool {
        final List<ByteBuffer> chunks = new ArrayList<>();
    }

    static final class Worker extends Thread {
        final BlockingQueue<Integer> work = new LinkedBlockingQueue<>();
        final ThreadLocal<List<byte[]>> context = ThreadLocal.withInitial(ArrayList::new);

        Worker() {
            super("worker");
            setDaemon(true);
        }

        @Override
        public void run() {
            try {
                while (true) {
                    int n = work.take();
                    for (int i = 0; i < n; i++) {
                        context.get().add(new byte[1000]);
                    }
                    synchronized (this) {
                        notify();
                    }
                }
            } catch (InterruptedException e) {
                // the end
            }
        }
    }

    static final class Slow {
        final byte[] state = new byte[16];

        @Override
        protected void finalize() throws Throwable {
            Thread.sleep(100_000);
        }
    }

    static final Pool POOL = new Pool();
    static final List<Object> PLUGINS = new ArrayList<>();
    static final List<Map<String, String>> ROOMY = new ArrayList<>();
    static final List<String> NAMES = new ArrayList<>();
    static final Worker WORKER = new Worker();

    public static void main(String[] args) throws Exception {
        WORKER.start();
        do {
            step();
            System.out.println("up");
        } while (System.in.read() == '\n');
    }

    static void step() throws Exception {
        for (int i = 0; i < 200; i++) {
            POOL.chunks.add(ByteBuffer.allocateDirect(10_000));
        }
        synchronized (WORKER) {
            WORKER.work.add(300);
            WORKER.wait();
        }
        for (int i = 0; i < 10; i++) {
            ClassLoader loader = new URLClassLoader(new URL[0]);
            PLUGINS.add(Proxy.newProxyInstance(loader, new Class<?>[] {Runnable.class}, (self, method, args) -> null));
        }
        for (int i = 0; i < 2_000; i++) {
            new Slow();
        }
        System.gc(); // finds them without a reference
        for (int i = 0; i < 100; i++) {
            Map<String, String> m = new HashMap<>(500);
            m.put("a", "b");
            ROOMY.add(m);
        }
        for (int i = 0; i < 3_000; i++) {
            NAMES.add(new String("a name that is there again and again".toCharArray()));
        }
    }
}
