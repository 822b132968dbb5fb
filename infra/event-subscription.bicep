// Finished writes to the intake container, delivered to the blob trigger's webhook. Deployed by hooks/postdeploy once
// the code runs: the webhook has to answer Event Grid's question, and its key is made when the trigger starts.
// Deploying it again changes nothing, or restores what was changed by hand.
param functionAppName string
param systemTopicName string
param storageAccountName string

@description('INPUT_CONTAINER: events of any other container must not arrive, the host would run `submit` for them.')
param inputContainer string
param deadLetterContainer string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource host 'Microsoft.Web/sites/host@2024-04-01' existing = {
  parent: app
  name: 'default'
}

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = {
  name: systemTopicName
}

resource documentsToSubmit 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: 'documents-to-submit'
  properties: {
    // The webhook understands this schema only; CloudEvents would fail at the handshake.
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.submit&code=${host.listKeys().systemKeys.blobs_extension}'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      // The slash at the end keeps `documents-archive` out when the container is `documents`.
      subjectBeginsWith: '/blobServices/default/containers/${inputContainer}/blobs/'
      isSubjectCaseSensitive: true
      advancedFilters: [
        {
          // Finished writes only. With a hierarchical namespace a file is announced twice, empty (CreateFile) and
          // complete (FlushWithClose). Event types: Azure Blob Storage as an Event Grid source (read 2026).
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose']
        }
      ]
    }
    // A day of attempts with growing pauses; then the event becomes a dead letter, and `reconcile` finds the
    // document at night without it.
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: account.id
          blobContainerName: deadLetterContainer
        }
      }
    }
  }
}
