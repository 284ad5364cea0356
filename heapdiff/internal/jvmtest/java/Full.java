import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.ArrayList;

/** Fills its heap, and when it is told so by a line "f", to the last byte. */
public class Full {
    static final byte[] UP = {'u', 'p', '\n'};
    static final byte[] FULL = {'f', 'u', 'l', 'l', '\n'};
    static Object[] chain;

    public static void main(String[] args) throws Exception {
        ArrayList<byte[]> list = new ArrayList<>(400_000);
        byte[] reserve = new byte[4 << 20];
        fill(list);
        reserve = null;
        FileOutputStream out = new FileOutputStream(FileDescriptor.out); // takes no heap to write
        out.write(UP);
        if (System.in.read() == 'f') {
            fill(list);
            out.write(FULL);
            System.in.read(); // the end of the line
            System.in.read();
        }
    }

    static void fill(ArrayList<byte[]> list) {
        for (int size = 1 << 20; size >= 16; size /= 2) {
            try {
                while (true) {
                    list.add(new byte[size]);
                }
            } catch (OutOfMemoryError e) {
                // the next smaller ones
            }
        }
        try {
            while (true) {
                chain = new Object[] {chain};
            }
        } catch (OutOfMemoryError e) {
            // full
        }
    }
}
