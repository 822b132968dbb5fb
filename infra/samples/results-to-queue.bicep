// Announces results on a queue, for whoever acts on them (docs/acting-on-results.md). A storage account has one system
// topic, which the deployment has made; this adds a subscription to it. Deploy it into the app's resource group:
//   az deployment group create -g <group> -f infra/samples/results-to-queue.bicep -p systemTopicName=<topic> ...
@description('AZURE_SYSTEM_TOPIC_NAME in the azd environment.')
param systemTopicName string

@description('AZURE_STORAGE_ACCOUNT_NAME in the azd environment.')
param storageAccountName string

@description('OUTPUT_CONTAINER: where results are written.')
param outputContainer string = 'entities'

@description('What the names of the announced files end with: .entities.json, .pii.json, .error.json, ...')
param suffix string = '.entities.json'

@description('The queue; it is created.')
param queueName string = 'entity-results'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = {
  parent: queues
  name: queueName
}

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = {
  name: systemTopicName
}

// Storage Queue Data Message Sender: may put messages on this queue, and nothing else. The account accepts no keys.
resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(queue.id, topic.id, 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
  scope: queue
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    description: 'Event Grid puts a message on this queue for each result that is written.'
  }
}

resource results 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: 'results-to-queue'
  dependsOn: [sender]
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: account.id
          queueName: queueName
          queueMessageTimeToLiveInSeconds: 604800
        }
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      // The slash at the end keeps `entities-archive` out.
      subjectBeginsWith: '/blobServices/default/containers/${outputContainer}/blobs/'
      subjectEndsWith: suffix
      isSubjectCaseSensitive: true
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
