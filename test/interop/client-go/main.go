// Command client-go runs what controllers written with stock client-go do against the server that KUBECONFIG names:
// the typed client in protobuf, informers, the dynamic client, patches of every type, a watch with bookmarks, and
// leader election on a Lease. It prints one line for each part and ends with status 1 at the first that fails.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const namespace = "default"

func claim(name string) *corev1.PersistentVolumeClaim {
	class := "absent"
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"of": "client-go"}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: &class,
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
		},
	}
}

type world struct {
	config *rest.Config
	typed  *kubernetes.Clientset
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check("config", err)
	protobuf := rest.CopyConfig(config)
	protobuf.ContentType = runtime.ContentTypeProtobuf
	protobuf.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	typed, err := kubernetes.NewForConfig(protobuf)
	check("client", err)
	w := world{config: config, typed: typed}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"protobuf", w.protobuf},
		{"informers", w.informers},
		{"dynamic", w.dynamic},
		{"patches", w.patches},
		{"bookmarks", w.bookmarks},
		{"leader election", w.election},
	} {
		check(part.name, part.run(ctx))
		fmt.Println("ok", part.name)
	}
}

func check(what string, err error) {
	if err != nil {
		fmt.Println("FAILED", what+":", err)
		os.Exit(1)
	}
}

// Create, read, conflict, status and delete with a precondition, all in protobuf.
func (w world) protobuf(ctx context.Context) error {
	claims := w.typed.CoreV1().PersistentVolumeClaims(namespace)
	made, err := claims.Create(ctx, claim("protobuf"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	stale := made.DeepCopy()
	made.Annotations = map[string]string{"a": "b"}
	if made, err = claims.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	stale.Annotations = map[string]string{"a": "c"}
	if _, err = claims.Update(ctx, stale, metav1.UpdateOptions{}); !errors.IsConflict(err) {
		return fmt.Errorf("a stale update gave %v, not a conflict", err)
	}
	class, err := w.typed.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "client-go-"}, Provisioner: "none.example",
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if class.ReclaimPolicy == nil || *class.ReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return fmt.Errorf("the class has no default policy: %v", class.ReclaimPolicy)
	}
	if err = w.typed.StorageV1().StorageClasses().Delete(ctx, class.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	other := types.UID("other")
	wrong := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}}
	if err = claims.Delete(ctx, made.Name, wrong); !errors.IsConflict(err) {
		return fmt.Errorf("a delete with another UID gave %v, not a conflict", err)
	}
	return claims.Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &made.UID}})
}

// A shared informer sees what is there, what comes and what goes.
func (w world) informers(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	factory := informers.NewSharedInformerFactory(w.typed, 0)
	seen := make(chan string, 100)
	informer := factory.Core().V1().ConfigMaps().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { seen <- "add " + o.(*corev1.ConfigMap).Name },
		UpdateFunc: func(_, o any) { seen <- "update " + o.(*corev1.ConfigMap).Name },
		DeleteFunc: func(o any) { seen <- "delete " + o.(*corev1.ConfigMap).Name },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("the cache did not fill")
	}
	maps := w.typed.CoreV1().ConfigMaps(namespace)
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "informed"}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Data = map[string]string{"k": "v"}
	if _, err = maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err = maps.Delete(ctx, made.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	for _, want := range []string{"add informed", "update informed", "delete informed"} {
		if err := await(ctx, seen, want); err != nil {
			return err
		}
	}
	return nil
}

func await(ctx context.Context, seen <-chan string, want string) error {
	for {
		select {
		case got := <-seen:
			if got == want {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("never saw %q", want)
		}
	}
}

// The dynamic client: objects without types, and lists in pages.
func (w world) dynamic(ctx context.Context) error {
	client, err := dynamic.NewForConfig(w.config)
	if err != nil {
		return err
	}
	maps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(namespace)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "dynamic"}, "data": map[string]any{"a": "1"},
	}}
	made, err := maps.Create(ctx, object, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err = unstructured.SetNestedField(made.Object, "2", "data", "a"); err != nil {
		return err
	}
	if _, err = maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	list, err := maps.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	if len(list.Items) != 1 {
		return fmt.Errorf("a page of one has %d items", len(list.Items))
	}
	return maps.Delete(ctx, "dynamic", metav1.DeleteOptions{})
}

func (w world) patches(ctx context.Context) error {
	claims := w.typed.CoreV1().PersistentVolumeClaims(namespace)
	if _, err := claims.Create(ctx, claim("patched"), metav1.CreateOptions{}); err != nil {
		return err
	}
	for kind, body := range map[types.PatchType]string{
		types.MergePatchType:          `{"metadata":{"annotations":{"merge":"1"}}}`,
		types.StrategicMergePatchType: `{"metadata":{"annotations":{"strategic":"1"}}}`,
		types.JSONPatchType:           `[{"op":"add","path":"/metadata/labels/json","value":"1"}]`,
	} {
		if _, err := claims.Patch(ctx, "patched", kind, []byte(body), metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	got, err := claims.Get(ctx, "patched", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if got.Annotations["merge"] != "1" || got.Annotations["strategic"] != "1" || got.Labels["json"] != "1" {
		return fmt.Errorf("not every patch is there: %v %v", got.Annotations, got.Labels)
	}
	return claims.Delete(ctx, "patched", metav1.DeleteOptions{})
}

// A watch that asks for its initial events gets them, and then the bookmark that says so.
func (w world) bookmarks(ctx context.Context) error {
	yes := true
	watcher, err := w.typed.CoreV1().Namespaces().Watch(ctx, metav1.ListOptions{
		AllowWatchBookmarks: true, SendInitialEvents: &yes,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		if event.Type != watch.Bookmark {
			continue
		}
		if event.Object.(*corev1.Namespace).Annotations[metav1.InitialEventsAnnotationKey] == "true" {
			return nil
		}
	}
	return fmt.Errorf("the watch ended without its bookmark")
}

// One of two candidates leads; when it lets go, the other does.
func (w world) election(ctx context.Context) error {
	led := make(chan string, 2)
	run := func(ctx context.Context, id string) {
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: "client-go"},
				Client:     w.typed.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: id},
			},
			ReleaseOnCancel: true, LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 500 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { led <- id },
				OnStoppedLeading: func() {},
			},
		})
	}
	first, release := context.WithCancel(ctx)
	go run(first, "one")
	if err := await(ctx, led, "one"); err != nil {
		release()
		return err
	}
	second, stop := context.WithCancel(ctx)
	defer stop()
	go run(second, "two")
	release()
	return await(ctx, led, "two")
}
