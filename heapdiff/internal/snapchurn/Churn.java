import java.util.ArrayDeque;

/**
 * Allocates without a pause, beside objects whose number and age are known. With an
 * argument it takes no breath either, and collects several times a second.
 */
public class Churn {
    static final int ANCHORS = 20_000;

    static final class Anchor {
        long a;
    }

    /** Its arrays are larger than half a region of G1, and therefore never young. */
    static final class Giant {
    }

    static final class Node {
        final byte[] bytes = new byte[100];
        Node next;
    }

    static final Anchor[] anchors = new Anchor[ANCHORS];
    static volatile Node last;
    static volatile Giant[] giant;
    static boolean restless;

    public static void main(String[] args) throws Exception {
        restless = args.length > 0;
        for (int i = 0; i < ANCHORS; i++) {
            anchors[i] = new Anchor();
        }
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        Thread churn = new Thread(Churn::churn);
        churn.setDaemon(true);
        churn.start();
        System.out.println("up");
        while (System.in.read() >= 0) {
        }
    }

    /** A twentieth of what is allocated lives for a while: long enough to grow old. */
    static void churn() {
        ArrayDeque<Node> some = new ArrayDeque<>();
        for (long i = 0;; i++) {
            Node n = new Node();
            last = n;
            if (i % 20 == 0) {
                some.add(n);
                if (some.size() > 50_000) {
                    some.remove();
                }
            }
            if (i % 100_000 == 0) {
                giant = new Giant[300_000];
            }
            if (!restless && i % 2_000 == 0) {
                try {
                    Thread.sleep(1);
                } catch (InterruptedException e) {
                    return;
                }
            }
        }
    }
}
