import java.util.ArrayDeque;

/** Allocates without a pause, beside objects whose number and age are known. */
public class Churn {
    static final int ANCHORS = 20_000;

    static final class Anchor {
        long a;
    }

    static final class Node {
        final byte[] bytes = new byte[100];
        Node next;
    }

    static final Anchor[] anchors = new Anchor[ANCHORS];
    static volatile Node last;

    public static void main(String[] args) throws Exception {
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
            if (i % 2_000 == 0) {
                try {
                    Thread.sleep(1);
                } catch (InterruptedException e) {
                    return;
                }
            }
        }
    }
}
